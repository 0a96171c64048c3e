// No banner at all: what the host page costs by itself.
import { shell } from "./common.mjs";
export default () => ({ html: shell({ title: "bare" }) });
