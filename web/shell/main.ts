import "htmx.org";
import { watchCopying } from "./copy";
import { guardForms } from "./forms";
import { watchIdleness } from "./idle";
import { watchKeys } from "./keys";
import { watchDialogs } from "./dialogs";
import { follow } from "./live";
import { sayTimeZone } from "./zone";

sayTimeZone();
watchDialogs();
watchKeys();
guardForms();
watchIdleness();
watchCopying();
for (const element of document.querySelectorAll<HTMLElement>("[data-live]")) follow(element);
