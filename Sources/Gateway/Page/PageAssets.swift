/// Style and script of the page, served as files of their own so that the policy can forbid everything inline.
enum PageAssets {
    /// Nothing but our own files, no frames, forms only to ourselves.
    static let contentSecurityPolicy =
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

    static let style = """
        :root {
          --ground: #f7f7f9; --panel: #ffffff; --text: #1c2030; --faint: #5b6275; --line: #d9dce5;
          --accent: #3b4cca; --accent-text: #ffffff; --good: #14713d; --bad: #b3261e; --busy: #8a5a00;
          --good-ground: #e3f4ea; --bad-ground: #fbe9e7; --busy-ground: #fdf1da; --idle-ground: #e8eaf1;
          --radius: 8px; color-scheme: light dark;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --ground: #12141c; --panel: #1b1e29; --text: #e8eaf2; --faint: #a3a9bd; --line: #333848;
            --accent: #9aa7ff; --accent-text: #12141c; --good: #7ddba3; --bad: #ff9d94; --busy: #f3c969;
            --good-ground: #173526; --bad-ground: #43201d; --busy-ground: #3a2f14; --idle-ground: #2a2e3c;
          }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
        a { color: var(--accent); }
        :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
        .skip { position: absolute; left: -999px; }
        .skip:focus { left: 1rem; top: 1rem; background: var(--panel); padding: .5rem 1rem; z-index: 1; }
        header { display: flex; align-items: center; gap: 2rem; padding: .75rem 1.5rem; background: var(--panel);
          border-bottom: 1px solid var(--line); }
        .brand { font-weight: 700; font-size: 1.1rem; text-decoration: none; color: var(--text); }
        .brand span { color: var(--accent); }
        .brand small { font-weight: 400; color: var(--faint); }
        nav { display: flex; gap: .5rem; }
        nav a { padding: .3rem .8rem; border-radius: var(--radius); text-decoration: none; color: var(--text); }
        nav a[aria-current] { background: var(--idle-ground); font-weight: 600; }
        .logout { margin-left: auto; }
        main { max-width: 72rem; margin: 0 auto; padding: 1.5rem; }
        h1 { font-size: 1.5rem; margin: 0 0 1rem; overflow-wrap: anywhere; }
        h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
        code, pre, .code { font: .9em/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
        .scroll { overflow-x: auto; }
        table { width: 100%; border-collapse: collapse; background: var(--panel); border: 1px solid var(--line);
          border-radius: var(--radius); }
        th, td { text-align: left; padding: .55rem .9rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
        tbody tr:last-child > * { border-bottom: 0; }
        tbody tr:hover { background: var(--idle-ground); }
        thead th { color: var(--faint); font-size: .85rem; font-weight: 600; }
        tbody th { font-weight: 400; }
        .filters { display: flex; flex-wrap: wrap; gap: 1rem; align-items: end; margin-bottom: 1rem; }
        .filters label { display: grid; gap: .2rem; font-size: .85rem; color: var(--faint); }
        input, select, textarea, button { font: inherit; color: inherit; background: var(--panel);
          border: 1px solid var(--line); border-radius: var(--radius); padding: .45rem .7rem; }
        textarea { width: 100%; resize: vertical; }
        button { cursor: pointer; background: var(--idle-ground); font-weight: 600; }
        button:hover { border-color: var(--accent); }
        button.primary, button.resend { background: var(--accent); color: var(--accent-text); border-color: transparent; }
        button.cancel { background: var(--bad-ground); color: var(--bad); }
        button.quiet { background: none; font-weight: 400; }
        .badge { display: inline-block; padding: .1rem .7rem; border-radius: 1rem; font-size: .875rem; font-weight: 600;
          background: var(--idle-ground); }
        .badge.running { background: var(--busy-ground); color: var(--busy); }
        .badge.succeeded { background: var(--good-ground); color: var(--good); }
        .badge.failed, .badge.cancelled { background: var(--bad-ground); color: var(--bad); }
        progress { appearance: none; width: 9rem; height: .6rem; border: 0; border-radius: 1rem; overflow: hidden;
          background: var(--idle-ground); vertical-align: middle; }
        progress::-webkit-progress-bar { background: var(--idle-ground); }
        progress::-webkit-progress-value { background: var(--accent); transition: width .3s; }
        progress::-moz-progress-bar { background: var(--accent); }
        progress.succeeded::-webkit-progress-value { background: var(--good); }
        progress.succeeded::-moz-progress-bar { background: var(--good); }
        progress.failed::-webkit-progress-value { background: var(--bad); }
        progress.failed::-moz-progress-bar { background: var(--bad); }
        .percent { display: inline-block; min-width: 3rem; font-variant-numeric: tabular-nums; color: var(--faint); }
        .summary { display: flex; flex-wrap: wrap; gap: 1rem; align-items: center; }
        .summary .bar progress { width: 16rem; max-width: 50vw; }
        .summary form { margin-left: auto; }
        .message { color: var(--faint); min-height: 1.5em; margin: .5rem 0; overflow-wrap: anywhere; }
        .route { list-style: none; display: flex; margin: 1rem 0; padding: 1.5rem 1rem 1rem; overflow-x: auto;
          background: var(--panel); border: 1px solid var(--line); border-radius: var(--radius); }
        .route li { flex: 1 0 8rem; display: grid; justify-items: center; gap: .1rem; position: relative; }
        .route li::before { content: ""; position: absolute; top: .55rem; left: -50%; width: 100%; height: 3px;
          background: var(--line); }
        .route li:first-child::before { display: none; }
        .route .dot { width: 1.25rem; height: 1.25rem; border-radius: 50%; background: var(--panel); z-index: 0;
          border: 3px solid var(--line); position: relative; }
        .route .done .dot { background: var(--good); border-color: var(--good); }
        .route .done::before, .route .active::before, .route .failed::before { background: var(--good); }
        .route .active .dot { border-color: var(--busy); background: var(--busy-ground); animation: pulse 1.5s infinite; }
        .route .failed .dot { background: var(--bad); border-color: var(--bad); }
        .route .actor { font-weight: 600; overflow-wrap: anywhere; text-align: center; }
        .route .phase { font-size: .8rem; color: var(--faint); }
        .route .time { font-size: .9rem; font-variant-numeric: tabular-nums; min-height: 1.4em; }
        @keyframes pulse { 50% { box-shadow: 0 0 0 6px var(--busy-ground); } }
        @media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
        .facts { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; margin: 1rem 0; }
        .facts dt { font-size: .8rem; color: var(--faint); }
        .facts dd { margin: 0; overflow-wrap: anywhere; }
        details { background: var(--panel); border: 1px solid var(--line); border-radius: var(--radius);
          margin: 1rem 0; }
        summary { cursor: pointer; padding: .6rem 1rem; font-weight: 600; }
        pre { margin: 0; padding: .75rem 1rem; overflow: auto; max-height: 28rem; white-space: pre-wrap;
          overflow-wrap: anywhere; }
        details pre { border-top: 1px solid var(--line); }
        details table { border: 0; border-top: 1px solid var(--line); font-size: .875rem; }
        .error { background: var(--bad-ground); color: var(--bad); border-radius: var(--radius); margin: 1rem 0; }
        .error h2 { padding: .6rem 1rem 0; margin: 0; }
        .alert { background: var(--bad-ground); color: var(--bad); padding: .7rem 1rem; border-radius: var(--radius); }
        .tools { list-style: none; padding: 0; display: grid; gap: 1rem;
          grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); }
        .tools li { background: var(--panel); border: 1px solid var(--line); border-radius: var(--radius);
          padding: 1rem; }
        .tools p { margin: .25rem 0; }
        .actors { font: .85rem ui-monospace, "DejaVu Sans Mono", monospace; color: var(--faint); }
        .call { max-width: 40rem; display: grid; gap: 1rem; background: var(--panel); padding: 1.25rem;
          border: 1px solid var(--line); border-radius: var(--radius); }
        .field { display: grid; gap: .25rem; }
        .field label, legend { font-weight: 600; }
        fieldset { border: 1px solid var(--line); border-radius: var(--radius); display: grid; gap: 1rem; }
        .hint { margin: 0; font-size: .85rem; color: var(--faint); }
        .required { color: var(--bad); }
        .empty { padding: 3rem 1rem; text-align: center; color: var(--faint); background: var(--panel);
          border: 1px dashed var(--line); border-radius: var(--radius); }
        .children { padding-left: 1.2rem; }

        """

    /// Keeps the parts marked `data-live` as the server would render them now. Everything works without it.
    static let script = """
        "use strict";
        const parts = [...document.querySelectorAll("[data-live]")];
        let busy = false;
        let again = false;

        async function refresh() {
          if (busy) { again = true; return; }
          busy = true;
          try {
            const response = await fetch(location.href, { credentials: "same-origin", redirect: "error" });
            if (response.ok) swap(new DOMParser().parseFromString(await response.text(), "text/html"));
          } catch { /* The gateway is away: the next turn asks again. */ }
          busy = false;
          if (again) { again = false; setTimeout(refresh, 250); }
        }

        function swap(fresh) {
          const focused = document.activeElement && document.activeElement.id;
          for (const part of parts) {
            const now = fresh.getElementById(part.id);
            if (!now) continue;
            const isOver = part.dataset.poll && !now.dataset.poll;
            if (isOver) delete part.dataset.poll;
            for (const details of now.querySelectorAll("details[id]")) {
              const old = document.getElementById(details.id);
              if (old) details.open = old.open;
            }
            merge(part, now);
          }
          const element = focused && document.getElementById(focused);
          if (element && element !== document.activeElement) element.focus({ preventScroll: true });
        }

        // Replaces only what differs: a reader's place, a selection and a running animation stay.
        function merge(old, now) {
          if (old.isEqualNode(now)) return;
          const before = [...old.childNodes];
          const after = [...now.childNodes];
          const sameShape = before.length === after.length
            && before.every((node, index) => node.nodeName === after[index].nodeName);
          if (!sameShape) { old.replaceChildren(...after); return; }
          before.forEach((node, index) => {
            const fresh = after[index];
            if (node.nodeType === Node.TEXT_NODE) {
              if (node.data !== fresh.data) node.data = fresh.data;
              return;
            }
            for (const { name, value } of [...fresh.attributes]) {
              if (node.getAttribute(name) !== value) node.setAttribute(name, value);
            }
            for (const { name } of [...node.attributes]) {
              if (!fresh.hasAttribute(name) && name !== "open") node.removeAttribute(name);
            }
            merge(node, fresh);
          });
        }

        for (const part of parts) {
          if (part.dataset.stream && window.EventSource) {
            const source = new EventSource(part.dataset.stream);
            source.addEventListener("update", (event) => {
              const status = JSON.parse(event.data).status;
              if (status === "succeeded" || status === "failed") source.close();
              refresh();
            });
          }
          if (part.dataset.poll) {
            const timer = setInterval(() => {
              if (!part.dataset.poll) { clearInterval(timer); return; }
              if (document.visibilityState === "visible") refresh();
            }, Number(part.dataset.poll));
          }
        }

        """
}
