"""Why a wire was not used, as clients report it: one table of codes."""

VERDICTS: dict[str, str] = {
    "ok": "It works.",
    "unsupported": "The browser doesn't have it.",
    "disabled": "The operator has left it out.",
    "forbidden": "The server refused this page or user.",
    "refused": "Something on the way answered with a status that isn't the server's own.",
    "blocked": "Something on the way refused it at once.",
    "swallowed": "Something on the way took the request and never answered.",
    "silent": "It opened, and then nothing came through.",
    "flapping": "It opened and died within seconds, again and again.",
    "buffered": "Something on the way holds events back.",
    "cut": "Something on the way ends it after a time.",
    "captive-portal": "Something else answered in the server's place.",
    "offline": "There was no network.",
    "draining": "The server was about to stop.",
    "overloaded": "The server asked to come again later.",
    "too-long": "There are more channels than its URL can name.",
    "closed": "The page closed it.",
    "slower": "Another one served better.",
    "superseded": "A better one was ready first.",
    "lost": "It worked and broke.",
}
