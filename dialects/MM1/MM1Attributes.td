//===- MM1Attributes.td - Recipes for weights, layouts, enums -*- tablegen -*-===//
// A weight holds no data, only how to make it:
//
//   mm1.weight @layers.0.experts.w1 : tensor<4x96x64xbf16> = #mm1.recipe<
//       sources = [#mm1.source<"...experts.0.w1.weight" : tensor<96x64xbf16>>, ...],
//       steps = [#mm1.stack]>
//
// Sharding adds a slice, quantisation a quantize, a target the tiling its kernels want.
//===------------------------------------------------------------------------===//
#ifndef MM1_ATTRIBUTES_TD
#define MM1_ATTRIBUTES_TD

include "MM1Dialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/TensorEncoding.td"

class MM1_Attr<string className, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<MM1_Dialect, className, traits> {
  let mnemonic = attrMnemonic;
}

//===-------------------------------- Enums ---------------------------------===//

def MM1_SlopeRule : I32EnumAttr<"SlopeRule", "How slopes are laid out when heads are not a power of two", [
    I32EnumAttrCase<"Interleaved", 0, "interleaved">,
    I32EnumAttrCase<"Geometric", 1, "geometric">]> {
  let cppNamespace = "::mlir::mm1";
}

def MM1_LayerFactorRule : I32EnumAttr<"LayerFactorRule", "How a layer's index scales its slopes", [
    I32EnumAttrCase<"Published", 0, "published">,
    I32EnumAttrCase<"Native", 1, "native">]> {
  let cppNamespace = "::mlir::mm1";
}

def MM1_QuantScheme : I32EnumAttr<"QuantScheme", "A way to store a linear's weights in fewer bits", [
    I32EnumAttrCase<"Int8Rows", 0, "int8_rows">]> {
  let cppNamespace = "::mlir::mm1";
}

def MM1_LineOrder : I32EnumAttr<"LineOrder", "In which order k lie in a line of a swizzled tile", [
    I32EnumAttrCase<"Natural", 0, "natural">,
    I32EnumAttrCase<"Fragment", 1, "fragment">]> {
  let cppNamespace = "::mlir::mm1";
}

def MM1_StateKind : I32EnumAttr<"StateKind", "What one unit of a state pool is", [
    I32EnumAttrCase<"Recurrent", 0, "recurrent">,
    I32EnumAttrCase<"KVPages", 1, "kv_pages">]> {
  let cppNamespace = "::mlir::mm1";
}

def MM1_Reach : I32EnumAttr<"Reach", "How far an op reaches into an operand to make one place of its results", [
    I32EnumAttrCase<"Place", 0, "place">,
    I32EnumAttrCase<"Choices", 1, "choices">,
    I32EnumAttrCase<"Row", 2, "row">,
    I32EnumAttrCase<"Batch", 3, "batch">,
    I32EnumAttrCase<"State", 4, "state">,
    I32EnumAttrCase<"Fixed", 5, "fixed">]> {
  let cppNamespace = "::mlir::mm1";
  let description = [{
    A place is `[row, (choice,) column]`. From near to far: the same place; all choices (or spans) of that row and column;
    anything of that row; rows of other tokens too; a pool of state; nothing that the batch's rows make (weights, tables).
  }];
}

def MM1_AnchorKind : I32EnumAttr<"AnchorKind", "What decides the shape of a cluster's kernel", [
    I32EnumAttrCase<"Elementwise", 0, "elementwise">,
    I32EnumAttrCase<"Matmul", 1, "matmul">,
    I32EnumAttrCase<"GroupedMatmul", 2, "grouped_matmul">,
    I32EnumAttrCase<"Recurrence", 3, "recurrence">,
    I32EnumAttrCase<"Attention", 4, "attention">,
    I32EnumAttrCase<"CacheAppend", 5, "cache_append">,
    I32EnumAttrCase<"RowReduction", 6, "row_reduction">,
    I32EnumAttrCase<"Routing", 7, "routing">,
    I32EnumAttrCase<"Collective", 8, "collective">,
    I32EnumAttrCase<"Selection", 9, "selection">,
    I32EnumAttrCase<"SpanMerge", 10, "span_merge">]> {
  let cppNamespace = "::mlir::mm1";
}

def MM1_SpanCut : I32EnumAttr<"SpanCut", "Where the context of a token is cut into spans", [
    I32EnumAttrCase<"Fixed", 0, "fixed">,
    I32EnumAttrCase<"Even", 1, "even">]> {
  let cppNamespace = "::mlir::mm1";
}

//===------------------------------- Recipes --------------------------------===//

def MM1_SourceAttr : MM1_Attr<"Source", "source"> {
  let summary = "A tensor of the checkpoint: its name, shape and element type";
  let parameters = (ins StringRefParameter<"name in the checkpoint">:$name,
                        "::mlir::RankedTensorType":$type);
  let assemblyFormat = "`<` $name `:` $type `>`";
}

def MM1_StackAttr : MM1_Attr<"Stack", "stack"> {
  let summary = "Puts equal tensors behind each other along a new first dimension";
}

def MM1_ConcatAttr : MM1_Attr<"Concat", "concat"> {
  let summary = "Joins tensors along an existing dimension";
  let parameters = (ins "int64_t":$axis);
  let assemblyFormat = "`<` `axis` `=` $axis `>`";
}

def MM1_SliceAttr : MM1_Attr<"Slice", "slice"> {
  let summary = "Keeps `size` indices from `offset` on, along one dimension";
  let parameters = (ins "int64_t":$axis, "int64_t":$offset, "int64_t":$size);
  let assemblyFormat = "`<` `axis` `=` $axis `,` `offset` `=` $offset `,` `size` `=` $size `>`";
}

def MM1_CastAttr : MM1_Attr<"Cast", "cast"> {
  let summary = "Changes the element type, rounding to nearest even";
  let parameters = (ins "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $elementType `>`";
}

def MM1_QuantizeAttr : MM1_Attr<"Quantize", "quantize"> {
  let summary = "The integers of a scheme (its scales are another weight, made by quantize_scales)";
  let description = [{
    int8_rows: per row o of the last two dimensions `[out, in]`,
    `scale = max|w[o, :]| / 127` in f32 and `q = clamp(round_half_even(w / scale), -127, 127)`;
    a row of zeros has scale 0 and integers 0.
    Source: model-spec 4.1 (`experts_int8`), with f32 scales.
  }];
  let parameters = (ins EnumParameter<MM1_QuantScheme>:$scheme);
  let assemblyFormat = "`<` $scheme `>`";
}

def MM1_QuantizeScalesAttr : MM1_Attr<"QuantizeScales", "quantize_scales"> {
  let summary = "The f32 scales that belong to quantize, one per row: the last dimension goes";
  let parameters = (ins EnumParameter<MM1_QuantScheme>:$scheme);
  let assemblyFormat = "`<` $scheme `>`";
}

def MM1_TileAttr : MM1_Attr<"Tile", "tile"> {
  let summary = "Stores `[..., N, K]` as `[..., N/panel, K/depth, panel, depth]`, zero-padded";
  let description = [{
    A panel is `panel` consecutive output rows; inside it, `depth` consecutive k of every row lie
    together, so that one vector load brings `depth` products for each of many rows. The tensor's
    type keeps its logical shape and carries `#mm1.tiled` as encoding.
  }];
  let parameters = (ins "int64_t":$panel, "int64_t":$depth);
  let assemblyFormat = "`<` `panel` `=` $panel `,` `depth` `=` $depth `>`";
}

def MM1_SwizzleAttr : MM1_Attr<"Swizzle", "swizzle"> {
  let summary = "Stores `[..., N, K]` in tiles of `rows` rows by 128 bytes of k, swizzled";
  let description = [{
    A line is 128 bytes of one row: D = 32 f32, 64 bf16 or 128 int8. A tile is one line of each of `rows` rows (a
    multiple of 8). The tensor is stored as `[..., ceil(N/rows), ceil(K/D), rows, D]`, so that the tiles of the same rows
    follow each other, and the eight chunks of 16 bytes of a line change places with the row:
    ```
    byte(n, k) = ((n / rows) * ceil(K / D) + k / D) * rows * 128     the tile
               + (n % rows) * 128 + (line(k % D) ^ (n % 8) * 16)     the line, and the place in it
    ```
    `order` says where k lie in a line before the chunks move:
    ```
    natural    line(kk) = kk * bytes of an element
    fragment   kk = 64 h + 16 j + 8 b + 2 t + c   ->   line = 16 (4 h + t) + 4 j + 2 c + b
    ```
    `fragment` is for int8: word j of chunk 4 h + t holds the four k that thread t of a quad multiplies in k step
    4 h + j of `mma.m16n8k16`, its even bytes those of one register and its odd bytes those 8 further. It stores q + 128
    as an unsigned byte, from which bf16 is made in fewer instructions. Padding holds the number zero: byte 0, with
    `fragment` byte 128.

    Example: row 3, k = 28 of a matrix with one tile. bf16: line byte 56 is byte 8 of chunk 3, which stands at 3 ^ 3 = 0:
    3 * 128 + 8 = 392. int8 in fragment order: 28 = 16 * 1 + 8 * 1 + 2 * 2 is h = 0, j = 1, b = 1, t = 2, c = 0; line
    byte 37 is byte 5 of chunk 2, which stands at 2 ^ 3 = 1: 3 * 128 + 16 + 5 = 405.

    The swizzle is the 128-byte one of Hopper's matrix instructions and bulk copies (PTX ISA, "Swizzling modes"), done
    once here instead of at each load: a copied tile is an operand, and the reads of a warp meet no bank twice. It is a
    function of address bits, so such a weight starts at a multiple of 1024 bytes. Chosen in
    compiler/decisions/0005-gpu-weight-layout.md. The tensor's type keeps its logical shape and carries `#mm1.swizzled`.
  }];
  let parameters = (ins "int64_t":$rows, EnumParameter<MM1_LineOrder>:$order);
  let assemblyFormat = "`<` `rows` `=` $rows `,` `order` `=` $order `>`";
  let genVerifyDecl = 1;
}

def MM1_PadAttr : MM1_Attr<"Pad", "pad"> {
  let summary = "Stores rows (last dimension) padded with zeros to a multiple of `multiple`";
  let parameters = (ins "int64_t":$multiple);
  let assemblyFormat = "`<` `multiple` `=` $multiple `>`";
}

def MM1_RopeFrequenciesAttr : MM1_Attr<"RopeFrequencies", "rope_frequencies"> {
  let summary = "Makes the f32 frequency ladder `[width/2]` of rotary embedding";
  let description = "`1 / f32(theta^(f32(2i)/f32(width)))`, two roundings: model-spec 3.4.";
  let parameters = (ins "::mlir::FloatAttr":$theta, "int64_t":$width);
  let assemblyFormat = "`<` `theta` `=` $theta `,` `width` `=` $width `>`";
}

def MM1_LightningSlopesAttr : MM1_Attr<"LightningSlopes", "lightning_slopes"> {
  let summary = "Makes the f32 decay rates `[heads]` of one lightning layer";
  let description = "model-spec 3.5.2; `layer` is the absolute index, softmax layers counted.";
  let parameters = (ins "int64_t":$heads, "int64_t":$layer, "int64_t":$layers,
                        EnumParameter<MM1_SlopeRule>:$rule, EnumParameter<MM1_LayerFactorRule>:$factor);
  let assemblyFormat = [{
    `<` `heads` `=` $heads `,` `layer` `=` $layer `,` `layers` `=` $layers `,`
        `rule` `=` $rule `,` `factor` `=` $factor `>`
  }];
}

def MM1_RecipeAttr : MM1_Attr<"Recipe", "recipe"> {
  let summary = "How to make one weight: sources from the checkpoint, then steps in order";
  let description = [{
    The first step that needs one tensor must find one: several sources are joined by `stack` or
    `concat` first; a recipe without sources starts with a step that makes its tensor.
  }];
  let parameters = (ins "::mlir::ArrayAttr":$sources, "::mlir::ArrayAttr":$steps);
  let assemblyFormat = "`<` `sources` `=` $sources `,` `steps` `=` $steps `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The type this recipe makes, or an error about the first step that does not fit.
    ::mlir::FailureOr<::mlir::RankedTensorType>
    inferType(::llvm::function_ref<::mlir::InFlightDiagnostic()> emitError) const;
    /// The same recipe with one more step at its end.
    RecipeAttr withStep(::mlir::Attribute step) const;
  }];
}

//===------------------------------- Layouts --------------------------------===//

def MM1_TiledAttr : MM1_Attr<"Tiled", "tiled"> {
  let summary = "Encoding of a weight's type: stored as `tile` leaves it";
  let parameters = (ins "int64_t":$panel, "int64_t":$depth);
  let assemblyFormat = "`<` `panel` `=` $panel `,` `depth` `=` $depth `>`";
}

def MM1_SwizzledAttr : MM1_Attr<"Swizzled", "swizzled",
    [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "Encoding of a weight's type: stored as `swizzle` leaves it";
  let description = [{
    Constraints: (C1) `rows` is a multiple of 8, at most 256, the most rows of a box that a GPU's copy engine brings;
    (C2) the tensor is `[..., N, K]` of f32, bf16 or i8; (C3) `fragment` order is of i8.
  }];
  let parameters = (ins "int64_t":$rows, EnumParameter<MM1_LineOrder>:$order);
  let assemblyFormat = "`<` `rows` `=` $rows `,` `order` `=` $order `>`";
  let genVerifyDecl = 1;
}

def MM1_PaddedAttr : MM1_Attr<"Padded", "padded"> {
  let summary = "Encoding of a weight's type: stored as `pad` leaves it";
  let parameters = (ins "int64_t":$multiple);
  let assemblyFormat = "`<` `multiple` `=` $multiple `>`";
}

#endif // MM1_ATTRIBUTES_TD
