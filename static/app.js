/* Small comforts on top of plain forms: every page works without this file.
   Menus, row editors, counters, confirmations, keyboard. Drafts are kept by drafts.js. */
"use strict";

document.documentElement.classList.add("js");

(() => {
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const token = () => document.querySelector("meta[name=csrf-token]")?.content ?? "";

  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.verb !== "get") event.detail.headers["X-CSRFToken"] = token();
  });

  /* ---- menus: one open at a time; Escape and a click elsewhere close it ---- */
  const closeMenus = (except) => all("[data-menu][open]").forEach((menu) => {
    if (menu !== except) menu.open = false;
  });
  document.addEventListener("click", (event) => closeMenus(event.target.closest("[data-menu]")));

  /* ---- keyboard: / to search, Ctrl+Enter to submit, Escape to close ---- */
  const isTyping = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;
  document.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target)) {
      const search = document.querySelector("[data-search]");
      if (search) {
        event.preventDefault();
        search.focus();
        search.select();
      }
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      const form = event.target.form;
      if (form && form.method === "post") {
        event.preventDefault();
        form.requestSubmit(form.querySelector("[data-default], .btn-primary") ?? undefined);
      }
    } else if (event.key === "Escape") {
      const open = event.target.closest("[data-menu][open], details.move[open]");
      if (open) {
        open.open = false;
        open.querySelector("summary").focus();
      }
      closeMenus(null);
    }
  });

  /* ---- counters: how many characters are left ---- */
  const counted = (text) => Array.from(text.replace(/\r\n/g, "\n")).length;
  const count = (control) => {
    const limit = Number(control.dataset.limit);
    const counter = document.querySelector(`[data-counter-for="${CSS.escape(control.id)}"]`);
    if (!counter || !limit) return;
    const length = counted(control.value);
    counter.textContent = length > limit ? `超出 ${length - limit} 字` : `${length} / ${limit} 字`;
    counter.classList.toggle("near", length > limit * 0.9 && length <= limit);
    counter.classList.toggle("over", length > limit);
  };
  document.addEventListener("input", (event) => {
    if (event.target.dataset?.limit) count(event.target);
  });

  /* ---- row editors: add, remove, and an undo by leaving a blank row ---- */
  const rowsOf = (editor) => all("[data-row]", editor.querySelector("[data-rows-body]"));
  document.addEventListener("kcz:row", (event) => {
    blankRow(event.target);
    fitAddButton(event.target);
  });
  const touched = (editor) => editor.dispatchEvent(new Event("input", { bubbles: true }));
  const fitAddButton = (editor) => {
    const add = editor.querySelector("[data-row-add]");
    add.hidden = false;
    add.disabled = rowsOf(editor).length >= Number(editor.dataset.most);
  };
  /* A new row carries the next number in the names and ids of its controls. */
  const blankRow = (editor) => {
    const numbers = rowsOf(editor).map((row) => Number(row.querySelector("input").name.split("-").at(-2)));
    const row = editor.querySelector("[data-row-template]").content.firstElementChild.cloneNode(true);
    const number = Math.max(-1, ...numbers) + 1;
    all("input, select", row).forEach((control) => {
      control.name = control.name.replace("ROW", number);
      control.id = control.id.replace("ROW", number);
    });
    editor.querySelector("[data-rows-body]").append(row);
    return row;
  };
  /* Without this file some blank rows are offered; with it one is enough. */
  const dropSpareRows = (editor) => rowsOf(editor).slice(1).reverse().forEach((row) => {
    const isBlank = (line) => all("input", line).every((input) => !input.value);
    if (isBlank(row) && isBlank(row.previousElementSibling)) row.remove();
  });
  const addRow = (editor) => {
    if (rowsOf(editor).length >= Number(editor.dataset.most)) return;
    const row = blankRow(editor);
    row.querySelector("input").focus();
    fitAddButton(editor);
  };
  const removeRow = (row) => {
    const editor = row.closest("[data-rows]");
    const next = row.nextElementSibling ?? row.previousElementSibling;
    if (next) {
      row.remove();
      next.querySelector("input").focus();
    } else {
      all("input", row).forEach((input) => { input.value = ""; });
    }
    fitAddButton(editor);
    touched(editor);
  };
  document.addEventListener("click", (event) => {
    const add = event.target.closest("[data-row-add]");
    const remove = event.target.closest("[data-row-remove]");
    if (add) addRow(add.closest("[data-rows]"));
    if (remove) removeRow(remove.closest("[data-row]"));
    if (event.target.closest("[data-print]")) window.print();
  });
  document.addEventListener("keydown", (event) => {
    const row = event.target.closest?.("[data-row]");
    if (!row || event.key !== "Enter" || event.ctrlKey || event.metaKey || event.isComposing) return;
    if (event.target.tagName !== "INPUT") return;
    event.preventDefault();
    if (row.nextElementSibling) row.nextElementSibling.querySelector("input").focus();
    else addRow(row.closest("[data-rows]"));
  });

  /* ---- confirmation: <button data-confirm="…"> asks first ---- */
  const ask = (sentence, word) => new Promise((resolve) => {
    const dialog = document.createElement("dialog");
    const text = document.createElement("p");
    const buttons = document.createElement("div");
    const no = document.createElement("button");
    const yes = document.createElement("button");
    dialog.className = "ask";
    buttons.className = "ask-buttons";
    no.className = "btn btn-quiet";
    yes.className = "btn btn-loss-solid";
    text.textContent = sentence;
    no.textContent = "先不";
    yes.textContent = word;
    no.addEventListener("click", () => dialog.close(""));
    yes.addEventListener("click", () => dialog.close("yes"));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    buttons.append(no, yes);
    dialog.append(text, buttons);
    document.body.append(dialog);
    dialog.showModal();
    no.focus();
  });
  document.addEventListener("submit", async (event) => {
    const button = event.submitter;
    if (!button?.dataset.confirm || button.dataset.confirmed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (await ask(button.dataset.confirm, button.textContent.trim())) {
      button.dataset.confirmed = "yes";
      event.target.requestSubmit(button);
    } else {
      button.focus();
    }
  }, true);

  /* ---- a form is sent once: a second click while it is on its way does nothing ---- */
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method !== "post") return;
    if (event.target.dataset.sent) {
      event.preventDefault();
      return;
    }
    event.target.dataset.sent = "yes";
    event.submitter?.setAttribute("aria-busy", "true");
  });
  window.addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => {
    delete form.dataset.sent;
    all("[aria-busy]", form).forEach((button) => button.removeAttribute("aria-busy"));
    all("[data-confirmed]", form).forEach((button) => delete button.dataset.confirmed);
  }));

  /* ---- the lit entry of section links follows the reading ---- */
  const spy = (nav) => {
    const links = new Map(all("a", nav).map((link) => [link.hash.slice(1), link]));
    const watch = new IntersectionObserver((entries) => {
      const top = entries.filter((entry) => entry.isIntersecting).at(0);
      if (!top) return;
      links.forEach((link, id) => (id === top.target.id
        ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
    }, { rootMargin: "-15% 0px -70% 0px" });
    links.forEach((_, id) => {
      const section = document.getElementById(id);
      if (section) watch.observe(section);
    });
  };

  /* ---- fields that only some types of capability have ---- */
  const fitTypes = (choice) => all("[data-types]").forEach((box) => {
    box.hidden = !box.dataset.types.split(" ").includes(choice.value);
  });

  document.addEventListener("DOMContentLoaded", () => {
    const type = document.querySelector("#f-type");
    if (type && document.querySelector("[data-types]")) {
      fitTypes(type);
      type.addEventListener("change", () => fitTypes(type));
    }
    all("[data-limit]").forEach(count);
    all("[data-rows]").forEach((editor) => {
      dropSpareRows(editor);
      fitAddButton(editor);
    });
    all("[data-print]").forEach((button) => { button.hidden = false; });
    all("[data-spy]").forEach(spy);
    all("[data-focus]").at(0)?.focus();
    if (window.matchMedia("(max-width: 640px)").matches) all("[data-fold]").forEach((fold) => { fold.open = false; });
  });
})();
