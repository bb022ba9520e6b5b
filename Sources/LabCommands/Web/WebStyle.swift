// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// How the page looks: light or dark as the reader's system is, one column on a phone.
enum WebStyle {
    static let text = """
        :root {
          --back: #f6f7f9; --panel: #ffffff; --ink: #1b2330; --soft: #616e80; --edge: #d9dee6; --accent: #0b65c2;
          --good: #1a7f42; --bad: #c02b2b; --event: #8a5a00; --typed: #0b65c2;
          --mono: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --back: #11151b; --panel: #181e26; --ink: #dde4ee; --soft: #8d9aac; --edge: #2b3440; --accent: #6cb2ff;
            --good: #5fce8b; --bad: #ff8080; --event: #f0c063; --typed: #8cc3ff;
          }
        }
        * { box-sizing: border-box; }
        html, body { height: 100%; margin: 0; }
        body {
          display: flex; flex-direction: column; background: var(--back); color: var(--ink);
          font: 15px/1.45 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
        }
        header { display: flex; align-items: baseline; gap: .8em; padding: .6em 1em; flex-wrap: wrap; }
        h1 { font-size: 1.05rem; margin: 0; letter-spacing: .02em; }
        h2 { font-size: .9rem; margin: 0; padding: .5em .8em; border-bottom: 1px solid var(--edge); }
        h2 button { float: right; }
        .path { font-family: var(--mono); font-size: .85rem; color: var(--soft); overflow-wrap: anywhere; }
        .aside { color: var(--soft); font-weight: normal; font-size: .85rem; }
        p.aside { margin: .7em .8em; }
        #state { margin-left: auto; font-size: .85rem; color: var(--soft); }
        #state::before { content: "●"; margin-right: .4em; color: var(--soft); }
        #state.on::before { color: var(--good); }
        #state.off, #state.off::before { color: var(--bad); }
        main {
          flex: 1; min-height: 0; display: grid; gap: .8em; padding: 0 1em 1em;
          grid-template: minmax(0, 3fr) minmax(0, 2fr) / minmax(0, 3fr) minmax(0, 2fr);
          grid-template-areas: "console ports" "console events";
        }
        section {
          background: var(--panel); border: 1px solid var(--edge); border-radius: 8px; overflow: hidden;
          display: flex; flex-direction: column; min-height: 0;
        }
        #console { grid-area: console; }
        #ports { grid-area: ports; }
        #happenings { grid-area: events; }
        #screen, #events, .wide { flex: 1; overflow: auto; min-height: 0; }
        #screen, #events, #form { font-family: var(--mono); font-size: .82rem; line-height: 1.4; }
        #screen { padding: .7em .9em; white-space: pre-wrap; overflow-wrap: anywhere; outline-offset: -2px; }
        #screen div { min-height: 1.4em; }
        #screen .typed { color: var(--typed); margin-top: .5em; }
        #screen .success { color: var(--good); }
        #screen .failure, #screen .refused { color: var(--bad); }
        #screen .text, #screen .end { color: var(--soft); }
        #screen .more { color: var(--soft); font-style: italic; }
        #form { display: flex; align-items: center; border-top: 1px solid var(--edge); padding: .35em .4em .35em .9em; }
        #prompt { white-space: pre; color: var(--soft); }
        #line {
          flex: 1; min-width: 0; font: inherit; color: inherit; background: none; border: 0; outline: 0; padding: .45em 0;
        }
        #form:focus-within { box-shadow: inset 0 2px 0 var(--accent); }
        button {
          font: inherit; font-size: .8rem; color: var(--accent); background: none; border: 1px solid var(--edge);
          border-radius: 6px; padding: .25em .8em; cursor: pointer;
        }
        button:hover { border-color: var(--accent); }
        button[hidden] { display: none; }
        h2 button { padding: 0 .6em; }
        button.command { font-family: var(--mono); padding: 0 .4em; }
        table { border-collapse: collapse; width: 100%; font-size: .82rem; font-variant-numeric: tabular-nums; }
        th, td { text-align: left; padding: .35em .8em; border-bottom: 1px solid var(--edge); vertical-align: top; }
        th { font-weight: 600; color: var(--soft); position: sticky; top: 0; background: var(--panel); white-space: nowrap; }
        .number { text-align: right; white-space: nowrap; }
        td small { display: block; color: var(--soft); }
        td.who { overflow-wrap: anywhere; min-width: 9em; }
        tr.idle td { color: var(--soft); }
        #events div { display: flex; gap: .9em; padding: .25em .8em; border-bottom: 1px solid var(--edge); }
        #events time { color: var(--soft); white-space: nowrap; }
        #events span { color: var(--event); overflow-wrap: anywhere; }
        #events:empty { flex: 0; }
        @media (max-width: 800px) {
          html, body { height: auto; }
          main { display: flex; flex-direction: column; padding: 0 .5em .5em; }
          header { padding: .6em; }
          #console { height: 70vh; height: 70svh; }
          #happenings, #ports { max-height: 60vh; }
          #line { font-size: 16px; }
          th, td { padding: .35em .5em; }
        }
        """
}
