"use strict";
/* The page's behaviour: keyboard, address, order, citations, reading on. It builds no markup from article text;
   what it writes itself goes through textContent. Gradio's events carry everything to the server. */

(() => {
  const HISTORY = "qa-history";
  const LIMIT = 5; // as in machines.py
  const LONGEST_HISTORY = 8; // questions: what fits below the examples without pushing them away
  const element = (selector) => document.querySelector(selector);
  const spoken = (selector) => element(`.qa-masthead[lang="${document.documentElement.dataset.language}"] ${selector}`);
  const questionBox = () => element("#qa-question textarea, #qa-question input");
  const MOST_FILES = 50; // of one drop: whoever has more puts them into the folder itself
  const narrow = window.matchMedia("(max-width: 60rem)"); // as in page.css: an opened article covers the page
  const triggers = {}; // Gradio's events, by the name of the block
  let opener = null; // what had the focus before an article was opened
  let returning = false; // an answer on its way was asked for by the browser's own "back"
  let waiting = []; // files whose names are taken in the folder, until the reader says whether to replace those
  let hide = () => {}; // empties the block of the article

  // --- the address ---------------------------------------------------------------------------------------

  window.qaAddress = () => {
    const fields = new URLSearchParams(window.location.search);
    return [...["q", "since", "until", "file"].map((name) => fields.get(name) || ""), fields.get("k") || String(LIMIT)];
  };

  const keepAddress = (query) => {
    const wanted = window.location.pathname + (query ? "?" + query : "");
    if (wanted === window.location.pathname + window.location.search) return;
    history[returning ? "replaceState" : "pushState"](null, "", wanted);
  };

  // "Back" closes an article that covers the page, and else returns to the question before.
  window.addEventListener("popstate", () => {
    if (element(".qa-article")) return shut();
    const [question, since, until, file, limit] = window.qaAddress();
    returning = true;
    if (question) wait(question);
    else document.title = "qa";
    triggers.results?.("again", { question, since, until, file, limit });
  });

  // --- waiting -------------------------------------------------------------------------------------------

  const say = (text) => {
    let live = element("#qa-live");
    if (!live) {
      live = document.createElement("div");
      live.id = "qa-live";
      live.className = "qa-live";
      live.setAttribute("role", "status");
      live.setAttribute("aria-live", "polite");
      document.body.append(live);
    }
    live.textContent = text;
  };

  const wait = (question) => {
    const place = element("#qa-results");
    if (!place || !(question || questionBox()?.value || "").trim()) return;
    document.body.classList.add("qa-waiting");
    place.setAttribute("aria-busy", "true");
    say(spoken(".qa-working")?.content.textContent || "");
    reach();
  };

  // Whether the server is there at all is asked apart, for an event sent to a server that is gone never ends.
  const reach = () =>
    fetch("./qa/alive", { cache: "no-store" }).catch(() => {
      const gone = spoken(".qa-server-gone");
      const place = element("#qa-results");
      const shown = place?.querySelector(".qa-block") || place;
      if (gone && shown) {
        shown.replaceChildren(gone.content.cloneNode(true));
        document.body.classList.add("qa-answered");
        shown.scrollIntoView({ block: "nearest" });
      }
      ready();
    });

  const ready = () => {
    document.body.classList.remove("qa-waiting");
    element("#qa-results")?.removeAttribute("aria-busy");
  };

  // --- history of this visit -----------------------------------------------------------------------------

  const asked = () => {
    try {
      return JSON.parse(sessionStorage.getItem(HISTORY) || "[]");
    } catch {
      return [];
    }
  };

  const remember = (question) => {
    const list = [question, ...asked().filter((one) => one !== question)].slice(0, LONGEST_HISTORY);
    try {
      sessionStorage.setItem(HISTORY, JSON.stringify(list));
    } catch {
      return; // private windows may refuse; the page works without
    }
    showHistory();
  };

  const showHistory = () => {
    const place = element(".qa-history");
    if (!place) return;
    const list = asked().filter((one) => one !== questionBox()?.value.trim());
    place.hidden = !list.length;
    place.querySelector("ul").replaceChildren(
      ...list.map((question) => {
        const item = document.createElement("li");
        const button = document.createElement("button");
        button.type = "button";
        button.dir = "auto";
        button.textContent = question;
        button.dataset.do = "again";
        button.dataset.question = question;
        item.append(button);
        return item;
      }),
    );
  };

  // --- what a click does ---------------------------------------------------------------------------------

  const order = (button) => {
    const cards = button.closest("#qa-answer").querySelector(".qa-cards");
    for (const one of button.parentElement.children) one.setAttribute("aria-pressed", String(one === button));
    const key = button.dataset.order;
    const sorted = [...cards.children].sort((one, other) => {
      const byRank = Number(one.dataset.rank) - Number(other.dataset.rank);
      if (key === "rank") return byRank;
      // Newest first; those without a date come last, in their order of relevance.
      return other.dataset.date.localeCompare(one.dataset.date) || byRank;
    });
    cards.append(...sorted);
  };

  const cite = async (button) => {
    const text = button.dataset.citation;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea"); // for pages not served securely
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const label = button.textContent;
    if (button.dataset.label) return;
    button.dataset.label = label;
    button.textContent = button.dataset.done;
    say(button.dataset.done);
    setTimeout(() => {
      button.textContent = label;
      delete button.dataset.label;
    }, 1600);
  };

  const close = () => {
    if (!element(".qa-article")) return;
    if (history.state?.article) history.back();
    else shut();
  };

  const shut = () => {
    hide();
    document.body.classList.remove("qa-reading");
    cover(false);
    for (const card of document.querySelectorAll(".qa-card.qa-opened")) card.classList.remove("qa-opened");
    opener?.focus();
    opener = null;
  };

  // Behind an article that covers the page nothing can be reached, by keyboard or by screen reader.
  const cover = (covered) => {
    const article = element(".qa-article");
    for (const one of document.querySelectorAll("#qa-masthead, #qa-ask-form, #qa-examples, #qa-mending, #qa-results, #qa-folder, footer"))
      one.inert = covered;
    if (!article) return;
    article.setAttribute("role", covered ? "dialog" : "complementary");
    article.setAttribute("aria-modal", String(covered));
  };
  narrow.addEventListener("change", () => cover(narrow.matches && Boolean(element(".qa-article"))));

  // --- adding articles -----------------------------------------------------------------------------------

  const send = async (file, replace) => {
    const query = new URLSearchParams({ name: file.name, ...(replace ? { replace: "1" } : {}) });
    try {
      const answer = await fetch("./qa/articles?" + query, {
        method: "POST", body: file, headers: { "content-type": "application/octet-stream" },
      });
      if (answer.status === 413) return { file: file.name, reason: "large" };
      return { file: file.name, reason: "gone", ...(await answer.json()), ok: answer.ok };
    } catch {
      return { file: file.name, reason: "gone" };
    }
  };

  const add = async (files, replace = false) => {
    const place = element("#qa-mending .qa-block") || element("#qa-mending");
    const text = spoken(".qa-adding");
    if (!files.length || !triggers.mending) return;
    if (place && text) place.replaceChildren(text.content.cloneNode(true));
    element("#qa-mending")?.scrollIntoView({ block: "nearest" });
    say(text?.content.textContent || "");
    const added = [];
    const refused = files.slice(MOST_FILES).map((file) => ({ file: file.name, reason: "many" }));
    waiting = [];
    for (const file of files.slice(0, MOST_FILES)) {
      const sent = await send(file, replace);
      if (sent.ok) added.push(sent.file);
      else refused.push({ file: file.name, reason: sent.reason });
      if (sent.reason === "exists") waiting.push(file);
    }
    triggers.mending("mend", { added, refused });
  };

  const carriesFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
  for (const name of ["dragenter", "dragover"])
    window.addEventListener(name, (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault(); // a browser would leave the page for the file
      const may = element(".qa-add");
      event.dataTransfer.dropEffect = may ? "copy" : "none";
      document.body.classList.toggle("qa-dropping", Boolean(may));
    });
  window.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("qa-dropping");
  });
  window.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    document.body.classList.remove("qa-dropping");
    if (element(".qa-add")) add([...event.dataTransfer.files]);
  });
  document.addEventListener("change", (event) => {
    if (event.target.dataset?.choose !== "files") return;
    add([...event.target.files]);
    event.target.value = "";
  });

  const act = (button, trigger) => {
    const data = { ...button.dataset };
    const what = data.do;
    delete data.do;
    if (what === "replace") return add(waiting, true);
    if (what === "filters") return unfold(button.getAttribute("aria-expanded") !== "true");
    if (what === "order") return order(button);
    if (what === "cite") return cite(button);
    if (what === "close") return close();
    if (what === "open" || what === "mend") reach();
    if (what === "open") {
      opener = button;
      for (const card of document.querySelectorAll(".qa-card.qa-opened")) card.classList.remove("qa-opened");
      button.closest(".qa-card")?.classList.add("qa-opened");
    }
    if (what === "again") {
      wait(data.question);
    }
    return trigger(what, data);
  };

  // --- what follows a change -----------------------------------------------------------------------------

  const answered = (place) => {
    ready();
    const answer = place.querySelector("#qa-answer");
    document.body.classList.toggle("qa-answered", Boolean(answer));
    if (!answer) return;
    if (answer.dataset.address !== undefined) {
      keepAddress(answer.dataset.address);
      if (answer.dataset.question) {
        remember(answer.dataset.question);
        document.title = answer.dataset.question;
        questionBox().scrollLeft = 0;
        // On a telephone the keyboard would cover the passages.
        if (window.matchMedia("(pointer: coarse)").matches) questionBox().blur();
      }
    }
    say(answer.querySelector(".qa-live")?.textContent || answer.querySelector("h2")?.textContent || "");
    for (const button of answer.querySelectorAll("[data-order]"))
      button.setAttribute("aria-pressed", String(button.dataset.order === "rank"));
    returning = false;
    if (element(".qa-article")) shut();
  };

  const opened = (place) => {
    const article = place.querySelector(".qa-article");
    document.body.classList.toggle("qa-reading", Boolean(article));
    if (!article) return;
    if (narrow.matches) {
      cover(true);
      if (!history.state?.article) history.pushState({ article: true }, "");
    }
    article.querySelector("h2")?.focus({ preventScroll: true });
    const body = article.querySelector(".qa-body");
    const here = article.querySelector("mark") || article.querySelector("#qa-here");
    if (body && here) {
      const scroller = article;
      const offset = here.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
      scroller.scrollTop += offset - scroller.clientHeight / 4;
    }
  };

  // A block drawn anew takes the element with the focus away. Whoever had it there gets it back on the one element
  // that does the same, else on the heading of what stands there now.
  let held = null; // selects what has, or last had, the focus
  const hold = (target) => {
    if (target.dataset?.do) return `[data-do="${target.dataset.do}"]`;
    return target.dataset?.choose ? "[data-choose]" : target.localName;
  };
  document.addEventListener("focusin", (event) => (held = { root: event.target.closest(".qa-block"), by: hold(event.target) }));
  document.addEventListener("pointerdown", () => (held = null), true); // followed by focusin, if it is on something
  const keepFocus = (root) => {
    if (document.activeElement !== document.body || held?.root !== root) return;
    const like = root.querySelectorAll(held.by);
    (like.length === 1 ? like[0] : root.querySelector("[tabindex='-1']"))?.focus({ preventScroll: true });
  };

  // The folder stays as the reader left it, open or shut.
  let unfolded = null;
  const folder = (place) => {
    const panel = place.querySelector(".qa-folder");
    if (panel && unfolded !== null) panel.open = unfolded;
  };

  // Of a rebuild only the beginning and the end are spoken.
  let step = "";
  const mending = (place) => {
    const now = [...place.querySelectorAll("[data-state]")].map((one) => one.dataset.state).join(" ");
    if (now && now !== step)
      say([...place.querySelectorAll("[role=status], [role=alert] h2, [data-state=building] h2")].map((one) => one.textContent).join(" "));
    if (now && !step) place.scrollIntoView({ block: "nearest" });
    step = now;
  };

  window.qaBind = (root, trigger, watch, props, name) => {
    triggers[name] = trigger;
    if (name === "article") hide = () => (props.value = "");
    root.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (button && root.contains(button)) act(button, trigger);
    });
    // Between press and release the next step may have put another button in its place: no click would come.
    for (const pressed of ["pointerdown", "keydown"])
      root.addEventListener(pressed, (event) => {
        if (event.key && event.key !== "Enter" && event.key !== " ") return;
        if (event.target.closest("[data-do=cancel]")) trigger("cancel", {});
      });
    watch("value", () => {
      if (name === "results") answered(root);
      if (name === "article") opened(root);
      if (name === "examples") showHistory();
      if (name === "mending") mending(root);
      if (name === "folder") folder(root);
      keepFocus(root);
    });
    if (name === "folder")
      root.addEventListener("click", (event) => {
        const panel = event.target.closest(".qa-folder > summary")?.parentElement;
        if (panel) unfolded = !panel.open; // it opens, or shuts, after the click
      });
    if (name === "examples") showHistory();
    if (name === "narrow") unfold(window.qaAddress().slice(1, 4).some(Boolean));
  };

  const unfold = (open) => {
    document.body.classList.toggle("qa-filtering", open);
    for (const button of document.querySelectorAll("[data-do=filters]")) button.setAttribute("aria-expanded", String(open));
  };

  // --- keyboard ------------------------------------------------------------------------------------------

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const box = questionBox();
      if (!box) return;
      event.preventDefault();
      box.focus();
      box.select();
    } else if (event.key === "Escape" && element(".qa-article")) {
      close();
    } else if (event.key === "Enter" && !event.isComposing && event.target.closest?.("#qa-ask-form input, #qa-ask-form textarea")) {
      wait();
    }
  });

  // Gradio names the browser's language on <html>, even one that the page does not speak.
  const html = document.documentElement;
  new MutationObserver(() => {
    if (html.dataset.language && html.lang !== html.dataset.language) html.lang = html.dataset.language;
  }).observe(html, { attributes: true, attributeFilter: ["lang"] });
})();
