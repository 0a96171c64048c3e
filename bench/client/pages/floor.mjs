// The floor: banner in the HTML, native <dialog>, one inline script, nothing else. Not a product:
// the limit to compare with. Style and script are written as a minifier leaves them: bytes count.
import { shell, PURPOSES, GATED, TEXT } from "./common.mjs";

const css = `#b{position:fixed;inset:auto 0 0 0;background:#fff;border-top:1px solid #555;padding:1rem;color:#111}
#b button,#d button{font:inherit;min-height:44px;padding:0 1rem;border:1px solid #111;background:#111;color:#fff;border-radius:4px}
#d{max-width:32rem;max-height:90vh;overflow:auto;box-sizing:border-box;color:#111}#d label{display:block;min-height:44px}#d input{width:24px;height:24px}
.r{display:flex;flex-wrap:wrap;gap:.5rem}`;

const code = `(()=>{let D=document,b=D.getElementById('b'),d=D.getElementById('d'),m=/(?:^|; )cs=([^;]*)/.exec(D.cookie),
run=a=>{for(let t of D.querySelectorAll('template[data-p]'))if(a.includes(t.dataset.p)){t.replaceWith(...[...t.content.children].map(s=>{let n=D.createElement('script');n.src=s.src;return n}))}},
all=[...D.querySelectorAll('#d input:enabled')].map(i=>i.name),
save=a=>{D.cookie='cs='+a.join('.')+';path=/;max-age=15552000;samesite=lax';b.hidden=true;if(d.open)d.close();run(a)};
if(m)run(m[1].split('.'));else b.hidden=false;
D.addEventListener('click',e=>{let v=e.target.dataset&&e.target.dataset.v;if(!v)return;
v=='y'?save(all):v=='n'?save([]):v=='p'?d.showModal():v=='s'?save([...D.querySelectorAll('#d input:enabled:checked')].map(i=>i.name)):d.close()})})()`;

const tag = (s) => `<template data-p="${s.purpose}"><script src="${s.src}"></script></template>`;
const button = (value, text) => `<button data-v="${value}">${text}</button>`;

function row(p) {
  const fixed = p.required ? " checked disabled" : "";
  return `<label><input type="checkbox" name="${p.id}"${fixed}> ${p.title}: ${p.desc}</label>`;
}

const banner = [
  `<section id="b" aria-label="${TEXT.title}" hidden><p>${TEXT.body}</p><div class="r">`,
  ...[button("y", TEXT.accept), button("n", TEXT.reject), button("p", TEXT.prefs)],
  "</div></section>",
].join("");

const dialog = [
  `<dialog id="d" aria-labelledby="dt"><h2 id="dt">${TEXT.dialogTitle}</h2>`,
  ...PURPOSES.map(row),
  `\n<div class="r">${button("s", TEXT.save)}${button("c", TEXT.close)}</div></dialog>`,
].join("");

export default () => ({
  html: shell({
    title: "floor",
    head: `<style>${css}</style>`,
    body: `${GATED.map(tag).join("")}\n${banner}\n${dialog}<script>${code}</script>`,
  }),
});
