// Images to keep: PNG, print. As they are seen, with what is written over them.

import { text } from "../shell/text";
import type { Viewport } from "./viewport";

/** What a viewport shows as a canvas: the image, the tools' marks and the texts. */
async function picture(viewport: Viewport): Promise<HTMLCanvasElement> {
  const ratio = devicePixelRatio;
  const canvas = document.createElement("canvas");
  const { width, height } = viewport.canvas;
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d")!;
  context.drawImage(viewport.canvas, 0, 0);
  for (const svg of viewport.element.querySelectorAll<SVGSVGElement>(":scope > svg")) {
    await drawSvg(context, svg, width, height);
  }
  const box = viewport.element.getBoundingClientRect();
  context.textBaseline = "middle";
  for (const line of viewport.element.querySelectorAll<HTMLElement>(".corners:not([hidden]) bdi")) {
    const at = line.getBoundingClientRect();
    const style = getComputedStyle(line);
    context.font = `${style.fontWeight} ${parseFloat(style.fontSize) * ratio}px ${style.fontFamily}`;
    context.fillStyle = style.color;
    context.shadowColor = "#000";
    context.shadowBlur = 2 * ratio;
    context.fillText(line.textContent ?? "", (at.left - box.left) * ratio, (at.top + at.height / 2 - box.top) * ratio);
  }
  return canvas;
}

async function drawSvg(context: CanvasRenderingContext2D, svg: SVGSVGElement, width: number, height: number): Promise<void> {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  // A picture of its own does not see the page's styles.
  const [from, to] = [svg.querySelectorAll("*"), copy.querySelectorAll<SVGElement>("*")];
  from.forEach((element, index) => {
    const style = getComputedStyle(element);
    for (const name of ["fill", "stroke", "stroke-width", "opacity", "fill-opacity", "font-size", "font-family", "text-anchor", "display"]) {
      to[index]!.setAttribute(name, style.getPropertyValue(name));
    }
  });
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  if (!copy.hasAttribute("viewBox")) copy.setAttribute("viewBox", `0 0 ${svg.clientWidth} ${svg.clientHeight}`);
  const source = new XMLSerializer().serializeToString(copy);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(source)}`;
  await image.decode().then(() => context.drawImage(image, 0, 0, width, height), () => undefined);
}

/** Save what a viewport shows. Its name says nothing of the patient. */
export async function savePng(viewport: Viewport): Promise<void> {
  const canvas = await picture(viewport);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/png"));
  if (!blob) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${text("image")}-${viewport.index + 1}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Print what the viewports show; the page's style for print leaves the rest out. */
export async function printAll(viewports: readonly Viewport[]): Promise<void> {
  const pages = await Promise.all(viewports.map(picture));
  const sheet = document.createElement("div");
  sheet.className = "print-sheet";
  const images = pages.map((canvas) => Object.assign(new Image(), { src: canvas.toDataURL("image/png"), alt: "" }));
  sheet.append(...images);
  document.body.append(sheet);
  await Promise.all(images.map((image) => image.decode()));
  window.addEventListener("afterprint", () => sheet.remove(), { once: true });
  window.print();
}
