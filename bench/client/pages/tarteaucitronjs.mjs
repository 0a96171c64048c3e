// Documented set-up: script, init, custom services, one job.push per service. Minified builds.
import { shell, PURPOSES, SERVICES, GATED, TEXT, js } from "./common.mjs";
// It has fixed service types; the purposes are mapped onto five of them.
const TYPE = {
  functionality: "support",
  experience: "other",
  measurement: "analytic",
  marketing: "ads",
};
const init = {
  privacyUrl: "",
  bodyPosition: "top",
  hashtag: "#tarteaucitron",
  cookieName: "tarteaucitron",
  orientation: "bottom",
  groupServices: false,
  showAlertSmall: false,
  cookieslist: false,
  showIcon: false,
  adblocker: false,
  DenyAllCta: true,
  AcceptAllCta: true,
  highPrivacy: true,
  handleBrowserDNTRequest: false,
  removeCredit: false,
  moreInfoLink: true,
  useExternalCss: false,
  useExternalJs: false,
  mandatory: true,
  mandatoryCta: false,
};
const svc = (s) =>
  [
    `tarteaucitron.services[${js(s.id)}]={key:${js(s.id)},type:${js(TYPE[s.purpose])},`,
    `name:${js(s.title)},needConsent:true,cookies:[],uri:'',`,
    `js:function(){tarteaucitron.addScript(${js(s.src)})}};`,
    `(tarteaucitron.job=tarteaucitron.job||[]).push(${js(s.id)});`,
  ].join("");

export default () => ({
  html: shell({
    title: "tarteaucitronjs",
    head: [
      '<script src="/nm/tarteaucitronjs/tarteaucitron.min.js"></script>',
      `<script>var tarteaucitronForceLanguage='en';tarteaucitron.init(${js(init)});</script>`,
    ].join(""),
    body: `<script>${GATED.map(svc).join("")}</script>`,
  }),
});
