import {startServer} from "./server.mjs"; import {readFileSync} from "node:fs";
const pages=JSON.parse(readFileSync("./pages.json","utf8")).filter(p=>["ours","floor","bare","ours-inline"].includes(p.name));
const s=await startServer({pages,service:"http://127.0.0.1:18000",port:8771}); console.log(s.base);
