"use strict";
(() => {
  const form = document.querySelector("form.filter");
  const claims = [...document.querySelectorAll("details.claim")];
  if (!form) return;
  const fields = ["area", "level", "outcome"];
  const unfold = form.elements.namedItem("unfold");
  const said = form.querySelector("output");
  const wanted = (claim) => fields.every((name) => {
    const value = form.elements.namedItem(name).value;
    return !value || claim.dataset[name] === value;
  });

  const show = () => {
    for (const claim of claims) claim.hidden = !wanted(claim);
    for (const area of document.querySelectorAll(".area")) {
      area.hidden = !area.querySelector("details.claim:not([hidden])");
    }
    const shown = claims.filter((claim) => !claim.hidden);
    said.textContent = `${shown.length} of ${claims.length} claims`;
    name(shown);
  };
  const name = (shown) => {
    unfold.textContent = shown.length && shown.every((claim) => claim.open) ? "Fold all" : "Unfold all";
  };
  const visible = () => claims.filter((claim) => !claim.hidden);

  // A link to a claim must find it, whatever is filtered or folded.
  const follow = () => {
    const there = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!there || !there.matches("details.claim")) return;
    if (there.hidden) form.reset();
    there.open = true;
    show();
    there.scrollIntoView();
    there.querySelector("summary").focus({ preventScroll: true });
  };

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", show);
  form.addEventListener("reset", () => setTimeout(show));
  unfold.addEventListener("click", () => {
    const open = unfold.textContent === "Unfold all";
    for (const claim of visible()) claim.open = open;
    name(visible());
  });
  for (const claim of claims) claim.addEventListener("toggle", () => name(visible()));
  addEventListener("hashchange", follow);
  show();
  follow();
})();
