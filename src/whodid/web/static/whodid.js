// Comfort only; every page works without it.

import { begin as around } from "./around.js";
import { begin as brush } from "./brush.js";
import { equip } from "./clipboard.js";
import { begin as complete } from "./complete.js";
import { begin as drawer } from "./drawer.js";
import { begin as keys } from "./keys.js";
import { begin as live } from "./live.js";
import { begin as times } from "./times.js";

keys();
drawer();
around();
complete();
brush();
live();
times();
equip(document);
