// What we use of @cornerstonejs/codec-openjph, which comes without types.

declare module "@cornerstonejs/codec-openjph" {
  export interface FrameInfo {
    readonly width: number;
    readonly height: number;
    readonly bitsPerSample: number;
    readonly componentCount: number;
    readonly isSigned: boolean;
    readonly isUsingColorTransform: boolean;
  }
  export interface Decoder {
    /** A buffer in the module's memory, for the codestream. */
    getEncodedBuffer(length: number): Uint8Array;
    /** A view of the module's memory: copy it before anything else is decoded. */
    getDecodedBuffer(): Uint8Array<ArrayBuffer>;
    decode(): void;
    decodeSubResolution(level: number): void;
    calculateSizeAtDecompositionLevel(level: number): { readonly width: number; readonly height: number };
    getFrameInfo(): FrameInfo;
    getLastErrorMessage(): string;
    delete(): void;
  }
  export interface OpenJph {
    readonly HTJ2KDecoder: new () => Decoder;
  }
  export default function openjph(options: { locateFile(name: string): string }): Promise<OpenJph>;
}
