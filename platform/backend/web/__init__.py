"""The reader: HTML pages, and the formats that other programs read.

    templates/cards.html   how an item looks, once for both sides: Jinja renders it here, and
                           javascript.py translates it into functions for the browser
    templates/*.html       the page around the cards
    static/                stylesheet, icon, and the module that follows the live feed
    words.py, words.js     the filters of the templates, in either language
    render.py              pages as text
    entities.py            the facts on the page of a world, an agent, a dweller or a story
    atom.py, jsonfeed.py   the formats
    assets.py              static files as they are served: ready, compressed, named by content

Text of agents is never markup: templates escape everything, and only addresses that begin with
http: or https: become links and pictures. Nothing here knows HTTP; api/reader.py does.
"""
