/* Drafts save themselves. <form data-autosave="URL"> is posted to URL a few seconds after the typing pauses.
   The answer is 2xx, optionally {"version": n, "saved_at": "14:05"}; 409 means somebody else changed the draft.
   When saving fails the text is kept in this browser (localStorage) and offered again on the next visit.
   <form data-guard> only warns before a page with unsent text is left. */
"use strict";

(() => {
  const PAUSE = 3000;
  const PREFIX = "kcz-draft:";

  const clock = () => new Date().toLocaleTimeString("zh-CN", { hour: "2-digit", minute: "2-digit", hour12: false });
  const typed = (form) => Array.from(new FormData(form)).filter(([name, value]) =>
    !["csrf_token", "version"].includes(name) && typeof value === "string");
  const print = (form) => JSON.stringify(typed(form));

  const keep = (key, text) => {
    try {
      localStorage.setItem(key, JSON.stringify({ at: Date.now(), text }));
      return true;
    } catch {
      return false;
    }
  };
  const kept = (key) => {
    try {
      return JSON.parse(localStorage.getItem(key));
    } catch {
      return null;
    }
  };
  const forget = (key) => {
    try {
      localStorage.removeItem(key);
    } catch { /* a browser that keeps nothing has nothing to forget */ }
  };

  /* Put a kept copy back; rows that are missing on the page are added first. */
  const restore = (form, pairs) => {
    const values = new Map();
    pairs.forEach(([name, value]) => values.set(name, [...(values.get(name) ?? []), value]));
    form.querySelectorAll("[data-rows]").forEach((editor) => {
      const body = editor.querySelector("[data-rows-body]");
      const stem = body.querySelector("input").name.split("-")[0];
      const numbers = pairs.map(([name]) => name.split("-")).filter((parts) => parts[0] === stem && parts.length === 3);
      const wanted = Math.max(0, ...numbers.map((parts) => Number(parts[1]) + 1));
      for (let left = wanted - body.children.length; left > 0; left -= 1) {
        editor.dispatchEvent(new CustomEvent("kcz:row", { bubbles: true }));
      }
    });
    Array.from(form.elements).forEach((control) => {
      if (!control.name || ["csrf_token", "version"].includes(control.name)) return;
      if (control.type === "checkbox" || control.type === "radio") {
        control.checked = (values.get(control.name) ?? []).includes(control.value);
      } else if (values.get(control.name)?.length) {
        control.value = values.get(control.name).shift();
      }
    });
    form.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const watchDraft = (form) => {
    const url = form.dataset.autosave;
    const key = PREFIX + new URL(url, location.href).pathname;
    const status = form.querySelector("[data-autosave-status]");
    let saved = print(form);
    let timer = 0;
    let sending = false;

    const say = (text, failed = false) => {
      if (!status) return;
      status.textContent = text;
      status.classList.toggle("failed", failed);
    };
    const failure = (why) => {
      const here = keep(key, print(form));
      say(here ? `${why}，已保存在这台电脑上（${clock()}），恢复后会再试` : `${why}，请先复制文字，不要关闭页面`, true);
    };
    const settle = (answer, text) => {
      saved = text;
      forget(key);
      const version = form.elements.namedItem("version");
      if (version && answer.version) version.value = answer.version;
      if (answer.address) history.replaceState(null, "", answer.address);
      const kept = `已保存 ${answer.saved_at ?? clock()}`;
      say(answer.problem ? `${kept}，这一处还没存上：${answer.problem}` : kept, Boolean(answer.problem));
    };
    const save = async () => {
      const text = print(form);
      if (sending || text === saved || form.dataset.sent) return;
      sending = true;
      say("正在保存…");
      try {
        const response = await fetch(url, {
          method: "POST",
          body: new FormData(form),
          headers: { Accept: "application/json", "X-Requested-With": "autosave" },
          redirect: "manual",
          signal: AbortSignal.timeout(15000),
        });
        if (response.ok) settle(response.status === 204 ? {} : await response.json().catch(() => ({})), text);
        else if (response.status === 409) failure("别处刚改过这份草稿，请另开一页看过再决定");
        else if (response.type === "opaqueredirect" || [400, 401, 403].includes(response.status)) failure("登录已失效，请另开一页重新登录");
        else if (response.status === 429) failure("保存得太频繁");
        else failure("这次没有存上");
      } catch {
        failure("连不上服务器");
      } finally {
        sending = false;
      }
      if (print(form) !== saved) later();
    };
    const later = () => {
      clearTimeout(timer);
      timer = setTimeout(save, status?.classList.contains("failed") ? PAUSE * 5 : PAUSE);
    };

    form.addEventListener("input", later);
    form.addEventListener("change", later);
    window.addEventListener("online", save);
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") save();
    });
    form.addEventListener("submit", () => clearTimeout(timer));
    guard(form, () => print(form) !== saved);
    offer(form, key, say);
  };

  const offer = (form, key, say) => {
    const copy = kept(key);
    if (!copy || copy.text === print(form)) {
      forget(key);
      return;
    }
    const box = document.createElement("div");
    const text = document.createElement("p");
    const take = document.createElement("button");
    const drop = document.createElement("button");
    const when = new Date(copy.at).toLocaleString("zh-CN", { month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit" });
    box.className = "message warning";
    text.textContent = `这台电脑上有一份 ${when} 没能存到服务器的文字。`;
    take.type = drop.type = "button";
    take.className = drop.className = "quiet-link";
    take.textContent = "填回来";
    drop.textContent = "不要了";
    take.addEventListener("click", () => {
      restore(form, JSON.parse(copy.text));
      box.remove();
    });
    drop.addEventListener("click", () => {
      forget(key);
      box.remove();
      say("");
    });
    box.append(text, take, drop);
    form.prepend(box);
  };

  const guard = (form, isDirty) => {
    window.addEventListener("beforeunload", (event) => {
      if (form.dataset.sent || !isDirty()) return;
      event.preventDefault();
    });
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("form[data-autosave]").forEach(watchDraft);
    document.querySelectorAll("form[data-guard]:not([data-autosave])").forEach((form) => {
      const before = print(form);
      guard(form, () => print(form) !== before);
    });
  });
})();
