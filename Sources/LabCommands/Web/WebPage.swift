// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The page: one document that needs nothing else, so that it works where there is no other network.
enum WebPage {
    /// The document.
    ///
    /// - Parameters:
    ///   - nonce: lets our style and script run and no others (Content-Security-Policy).
    ///   - console: the console's path, shown as it is.
    static func text(nonce: String, console: String) -> String {
        let name = escaped(console)
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>\(name) – etherloom</title>
            <link rel="icon" href="data:,">
            <style nonce="\(nonce)">
            \(WebStyle.text)
            </style>
            </head>
            <body>
            <header>
            <h1>etherloom</h1>
            <span class="path" title="the console's socket">\(name)</span>
            <span id="state" role="status">connecting …</span>
            <button id="again" type="button" hidden>Connect again</button>
            </header>
            <main>
            <section id="console" aria-label="Console">
            <div id="screen" role="log" tabindex="0" aria-label="What the console says"></div>
            <form id="form" autocomplete="off">
            <label id="prompt" for="line"></label>
            <input id="line" maxlength="\(ConsoleAddress.longestLine)" autocapitalize="off" autocorrect="off"
            spellcheck="false" enterkeyhint="send" placeholder="help" aria-label="Command">
            <button type="submit">Send</button>
            </form>
            </section>
            <section id="ports" aria-label="Ports">
            <h2>Ports <span id="count" class="aside"></span></h2>
            <div class="wide">
            <table>
            <thead><tr><th>Port</th><th>VLAN</th><th class="number">In</th><th class="number">Out</th><th>Attached</th></tr></thead>
            <tbody id="rows"></tbody>
            </table>
            <p id="none" class="aside" hidden>No port has anything plugged in.</p>
            </div>
            </section>
            <section id="happenings" aria-label="Events">
            <h2>Events <button id="clear" type="button" hidden>Clear</button></h2>
            <div id="events" role="log"></div>
            <p id="hint" class="aside">Nothing yet. The console tells what happens after
            <button type="button" class="command">debug/add port</button>;
            <button type="button" class="command">debug/list</button> shows what there is to follow.</p>
            </section>
            </main>
            <script nonce="\(nonce)">
            \(WebScript.text)
            </script>
            </body>
            </html>
            """
    }

    /// Text as it stands in a document.
    static func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case _ where character.value < 0x20: result += "?"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
