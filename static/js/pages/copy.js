// Copying a text to the clipboard, also where the page came by plain HTTP and the newer interface is not there.
(function (pages) {
  'use strict';
  var t = pages.t;

  /** Selects what *node* shows and copies it: done(isCopied); if not, it stays selected and the keyboard can copy it. */
  pages.copy = function (node, done) {
    var range = document.createRange();
    var selection = window.getSelection();
    range.selectNodeContents(node);
    selection.removeAllRanges();
    selection.addRange(range);
    try {
      done(document.execCommand('copy'));
    } catch (refused) {
      done(false);
    }
  };

  /** A button that copies *node* and says so in *said*. */
  pages.copyButton = function (button, node, said) {
    pages.listen(button, 'click', function () {
      pages.copy(node, function (isCopied) {
        pages.setText(said, isCopied ? t('Copied.') : t('Selected: copy it with your keyboard.'));
      });
    });
  };
}(window.AnywirePages));
