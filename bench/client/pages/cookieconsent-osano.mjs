// Documented set-up, type opt-in: stylesheet, script, initialise; the site loads its tags in the
// callbacks. No categories and no dialog in this peer.
import { shell, GATED, TEXT, js } from "./common.mjs";

const folder = "/nm/cookieconsent/build";
const palette =
  "{popup:{background:'#1d1f4e',text:'#ffffff'},button:{background:'#f1d600',text:'#000000'}}";
const content = `{message:${js(TEXT.body)},allow:${js(TEXT.accept)},deny:${js(TEXT.reject)},link:'Privacy policy',href:'#privacy'}`;
const loadTags =
  `function loadTags(){${js(GATED.map((s) => s.src))}.forEach(function(u){` +
  "var e=document.createElement('script');e.src=u;document.body.appendChild(e)})}";
const code = `${loadTags}
window.cookieconsent.initialise({type:'opt-in',palette:${palette},
content:${content},
onInitialise:function(status){if(this.hasConsented())loadTags()},onStatusChange:function(status,before){if(this.hasConsented())loadTags()}});`;

export default () => ({
  html: shell({
    title: "cookieconsent (osano)",
    head: `<link rel="stylesheet" href="${folder}/cookieconsent.min.css">`,
    body: `<script src="${folder}/cookieconsent.min.js"></script><script>${code}</script>`,
  }),
});
