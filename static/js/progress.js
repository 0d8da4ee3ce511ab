// Progress bars: every element with data-anywire-job="ID", now and later. Style sheets see its attributes and the classes
// of its two parts; the only style set here is a width, by the CSSOM, which a Content-Security-Policy lets pass.
(function (anywire) {
  'use strict';

  var NAME = 'data-anywire-job';

  function time(seconds) { return seconds < 90 ? Math.ceil(seconds) + ' s' : Math.ceil(seconds / 60) + ' min'; }

  // Words of another language stand in the element: data-left="übrig", data-done="fertig".
  function word(element, name) { return element.getAttribute('data-' + name) || name; }

  function describe(element, state) {
    var unit = state.unit ? ' ' + state.unit : '';
    return anywire.filter([
      state.total && state.percent + '%',
      state.done + (state.total ? '/' + state.total : '') + unit,
      state.note,
      state.rate && state.rate + unit + '/s',
      state.eta && time(state.eta) + ' ' + word(element, 'left'),
      state.state !== 'running' && word(element, state.state)
    ], Boolean).join(' \xb7 ');
  }

  function show(element, state, title, text, percent) {
    var attributes = {
      role: 'progressbar', 'aria-label': title, 'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': percent, 'aria-valuetext': text
    };
    if (!element.getAttribute(NAME + '-state')) {
      element.innerHTML = '<span class="anywire-bar"></span><span class="anywire-text">.</span>';
    }
    attributes[NAME + '-state'] = state;
    element.firstChild.style.width = (percent || 0) + '%';
    element.lastChild.firstChild.data = text;
    anywire.each(anywire.keys(attributes), function (name) {
      if (attributes[name] === null) { element.removeAttribute(name); } else { element.setAttribute(name, attributes[name]); }
    });
  }

  /** wire() is for all bars. Returns what shows a bar in an element that isn't found by itself. */
  anywire.progress = function (env, wire) {
    var bars = [];

    function add(element) {
      var id = element.getAttribute(NAME);
      if (!id || anywire.filter(bars, function (bar) { return bar.element === element; }).length) { return; }
      bars.push({
        element: element,
        id: id,
        job: wire().job(id, function (state) {
          show(element, state.state, state.title, describe(element, state), state.percent);
        }, function () { show(element, 'unknown', id, word(element, 'unknown'), null); })
      });
    }

    function look() {
      var there = env.find('[' + NAME + ']');
      bars = anywire.filter(bars, function (bar) {
        var stays = anywire.has(there, bar.element) && bar.id === bar.element.getAttribute(NAME);
        if (!stays) { bar.job.stop(); }
        return stays;
      });
      anywire.each(there, add);
    }

    look();
    env.watch(NAME, look);
    return add;
  };
}(anywire));
