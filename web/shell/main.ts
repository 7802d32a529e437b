import "htmx.org";
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
for (const element of document.querySelectorAll<HTMLElement>("[data-live]")) follow(element);
