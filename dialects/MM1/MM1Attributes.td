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

def MM1_StateKind : I32EnumAttr<"StateKind", "What one unit of a state pool is", [
    I32EnumAttrCase<"Recurrent", 0, "recurrent">,
    I32EnumAttrCase<"KVPages", 1, "kv_pages">]> {
  let cppNamespace = "::mlir::mm1";
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
    I32EnumAttrCase<"Selection", 9, "selection">]> {
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

def MM1_PaddedAttr : MM1_Attr<"Padded", "padded"> {
  let summary = "Encoding of a weight's type: stored as `pad` leaves it";
  let parameters = (ins "int64_t":$multiple);
  let assemblyFormat = "`<` `multiple` `=` $multiple `>`";
}

#endif // MM1_ATTRIBUTES_TD
