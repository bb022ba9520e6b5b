// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// What the page does. Everything that a switch says becomes text of the document, never markup.
enum WebScript {
    static let text = #"""
        "use strict";
        const token = new URLSearchParams(location.search).get("token");
        const authorization = { "Authorization": "Bearer " + token };
        const $ = id => document.getElementById(id);
        const screen = $("screen"), line = $("line"), prompt = $("prompt"), events = $("events"), state = $("state");
        const lastLines = 5000, lastEvents = 500, lastHistory = 200;
        let session = null, stream = null, isOver = false, hasHeard = false, retry = 0;

        // ---- the console

        function show(kind, text, parent = screen, most = lastLines) {
          const row = document.createElement("div");
          row.className = kind;
          row.textContent = text;
          parent.append(row);
          while (parent.childElementCount > most) parent.firstElementChild.remove();
          return row;
        }

        // New lines are followed only by a reader who is at the end.
        function following(element, change) {
          const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 40;
          change();
          if (isAtEnd) element.scrollTop = element.scrollHeight;
        }

        function showEvent(text) {
          following(events, () => {
            const row = show("event", "", events, lastEvents);
            const time = document.createElement("time"), words = document.createElement("span");
            time.textContent = new Date().toLocaleTimeString([], { hour12: false });
            words.textContent = text;
            row.append(time, words);
          });
          $("hint").hidden = true;
          $("clear").hidden = false;
        }

        function showConsole(items) {
          following(screen, () => {
            for (const [kind, text] of items) {
              if (kind == "event") showEvent(text);
              else if (kind == "prompt") prompt.textContent = text;
              else show(kind, text);
            }
          });
        }

        // ---- lines

        let history = [], place = 0, draft = "";
        try { history = JSON.parse(sessionStorage.getItem("history")) || []; } catch { history = []; }
        place = history.length;

        function remember(text) {
          if (text && history[history.length - 1] != text) history.push(text);
          history = history.slice(-lastHistory);
          place = history.length;
          try { sessionStorage.setItem("history", JSON.stringify(history)); } catch { /* a private window may have no storage */ }
        }

        function recall(step) {
          if (place + step < 0 || place + step > history.length) return;
          if (place == history.length) draft = line.value;
          place += step;
          line.value = place == history.length ? draft : history[place];
          line.setSelectionRange(line.value.length, line.value.length);
        }

        async function post(what, body) {
          return fetch("/sessions/" + session + "/" + what, { method: "POST", headers: authorization, body: body });
        }

        // One after the other: two requests may overtake each other on the way.
        let sending = Promise.resolve();
        function send(text) {
          show("typed", prompt.textContent + text);
          screen.scrollTop = screen.scrollHeight;
          remember(text);
          sending = sending.then(async () => {
            try {
              const answer = await post("line", text);
              if (!answer.ok) following(screen, () => show("refused", ""));
              if (!answer.ok) screen.lastElementChild.textContent = (await answer.text()).trim();
            } catch {
              following(screen, () => show("refused", "not sent: there is no connection"));
            }
          });
        }

        $("form").addEventListener("submit", happening => {
          happening.preventDefault();
          if (!session) return;
          send(line.value);
          line.value = "";
        });
        line.addEventListener("keydown", happening => {
          if (happening.isComposing) return;
          if (happening.key == "ArrowUp") recall(-1);
          else if (happening.key == "ArrowDown") recall(1);
          else if (happening.key == "l" && happening.ctrlKey) screen.replaceChildren();
          else if (happening.key == "u" && happening.ctrlKey) line.value = "";
          else return;
          happening.preventDefault();
        });
        // Typing goes to the line, wherever the focus was; what is selected can still be copied.
        document.addEventListener("keydown", happening => {
          if (happening.key.length != 1 || happening.ctrlKey || happening.metaKey || happening.altKey) return;
          if (happening.key == " " && happening.target instanceof HTMLButtonElement) return;
          if (document.activeElement != line) line.focus();
        });
        for (const button of document.querySelectorAll("button.command")) {
          button.addEventListener("click", () => { if (session) send(button.textContent); line.focus(); });
        }
        $("clear").addEventListener("click", () => {
          events.replaceChildren();
          $("hint").hidden = false;
          $("clear").hidden = true;
        });

        // ---- ports

        let before = new Map(), beforeTime = 0;
        const units = ["", "k", "M", "G", "T"];
        function short(number) {
          let unit = 0;
          while (number >= 1000 && unit < units.length - 1) { number /= 1000; unit++; }
          return (unit == 0 || number >= 100 ? Math.round(number) : number.toFixed(1)) + " " + units[unit];
        }

        function cell(row, kind, text, small) {
          const element = row.insertCell();
          element.className = kind;
          element.textContent = text;
          if (small) {
            const more = document.createElement("small");
            more.textContent = small;
            element.append(more);
          }
          return element;
        }

        function traffic(counters, old, seconds) {
          const rate = old ? Number(BigInt(counters[1]) - BigInt(old[1])) * 8 / seconds : 0;
          const text = old && rate >= 0 ? short(rate) + "bit/s" : "";
          return [short(Number(counters[0])) + "pkts", text, short(Number(counters[1])) + "B"];
        }

        function showPorts(ports) {
          const now = performance.now(), seconds = (now - beforeTime) / 1000, rows = document.createDocumentFragment();
          for (const port of ports) {
            const row = document.createElement("tr"), old = before.get(port.port);
            const [inPackets, inRate, inBytes] = traffic(port.in, old && old.in, seconds);
            const [outPackets, outRate, outBytes] = traffic(port.out, old && old.out, seconds);
            if (!port.active) row.className = "idle";
            cell(row, "", String(port.port));
            cell(row, "", port.vlan == "4095" ? "none" : port.vlan);
            cell(row, "number", inRate || inBytes, inPackets).title = inPackets + ", " + inBytes;
            cell(row, "number", outRate || outBytes, outPackets).title = outPackets + ", " + outBytes;
            const who = cell(row, "who", "");
            for (const endpoint of port.endpoints) {
              const one = document.createElement("div"), more = document.createElement("small");
              one.textContent = endpoint.text || endpoint.module;
              more.textContent = endpoint.text ? endpoint.module : "";
              one.append(more);
              who.append(one);
            }
            rows.append(row);
          }
          $("rows").replaceChildren(rows);
          $("none").hidden = ports.length > 0;
          $("count").textContent = ports.length ? String(ports.length) : "";
          before = new Map(ports.map(port => [port.port, port]));
          beforeTime = now;
        }

        function tellVisible() {
          if (session) post("ports", document.hidden ? "0" : "1").catch(() => { /* the stream tells */ });
        }
        document.addEventListener("visibilitychange", tellVisible);

        // ---- the connection

        function tell(text, kind) {
          state.textContent = text;
          state.className = kind;
          $("again").hidden = kind != "off";
        }

        function take(name, data) {
          if (name == "session") {
            session = data;
            tell("connected", "on");
            tellVisible();
          } else if (name == "console") {
            hasHeard = true;
            showConsole(data);
          } else if (name == "ports") {
            showPorts(data);
          } else if (name == "end") {
            isOver = true;
            if (hasHeard) following(screen, () => show("end", data));
            tell(hasHeard ? "ended" : data, "off");
          }
        }

        // Tries again by itself, so that a page is there again with its switch; a refusal stays one.
        async function connect() {
          clearTimeout(retry);
          isOver = false;
          hasHeard = false;
          if (stream == null) tell("connecting …", "");
          stream = new AbortController();
          let isRefused = false;
          try {
            const answer = await fetch("/events", { headers: authorization, signal: stream.signal, cache: "no-store" });
            isRefused = answer.status == 401 || answer.status == 403;
            if (!answer.ok) throw new Error((await answer.text()).trim());
            const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
            let waiting = "";
            for (;;) {
              const { value, done } = await reader.read();
              if (done) break;
              waiting += value;
              const messages = waiting.split("\n\n");
              waiting = messages.pop();
              for (const message of messages) {
                const parts = /^event: (\w+)\ndata: (.*)$/.exec(message);
                if (parts) take(parts[1], JSON.parse(parts[2]));
              }
            }
            if (!isOver) tell("connection lost", "off");
          } catch (error) {
            if (error.name == "AbortError") return;
            tell(error instanceof TypeError ? "no connection to the server" : error.message, "off");
          }
          session = null;
          prompt.textContent = "";
          if (!isRefused) retry = setTimeout(connect, 5000);
        }

        $("again").addEventListener("click", () => { connect(); line.focus(); });
        addEventListener("pagehide", () => { session = null; if (stream) stream.abort(); });
        addEventListener("pageshow", happening => { if (happening.persisted) connect(); });
        connect();
        if (matchMedia("(pointer: fine)").matches) line.focus();
        """#
}
