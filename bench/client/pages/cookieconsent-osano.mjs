// Documented set-up, type opt-in: stylesheet, script, initialise; the site loads its tags in the callbacks. No categories, no dialog in this peer.
import { shell, GATED, TEXT, js } from "./common.mjs";
const code = `function loadTags(){${js(GATED.map((s) => s.src))}.forEach(function(u){var e=document.createElement('script');e.src=u;document.body.appendChild(e)})}
window.cookieconsent.initialise({type:'opt-in',palette:{popup:{background:'#1d1f4e',text:'#ffffff'},button:{background:'#f1d600',text:'#000000'}},
content:{message:${js(TEXT.body)},allow:${js(TEXT.accept)},deny:${js(TEXT.reject)},link:'Privacy policy',href:'#privacy'},
onInitialise:function(status){if(this.hasConsented())loadTags()},onStatusChange:function(status,before){if(this.hasConsented())loadTags()}});`;
export default () => ({
  html: shell({
    title: "cookieconsent (osano)",
    head: '<link rel="stylesheet" href="/nm/cookieconsent/build/cookieconsent.min.css">',
    body: `<script src="/nm/cookieconsent/build/cookieconsent.min.js"></script><script>${code}</script>`,
  }),
});
