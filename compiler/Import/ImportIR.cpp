//===- ImportIR.cpp - From a checkpoint to a module of the mm1 dialect ----===//
// Read ForwardBuilder::layer first: it is the network. WeightBuilder above it
// turns "the w1 of layer 3's experts" into a symbol with a recipe.
//===----------------------------------------------------------------------===//
#include "compiler/Import/ImportIR.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringMap.h"

#include <cmath>

using namespace mlir;
using namespace mlir::mm1;
using ::mm1::AttentionKind;
using ::mm1::Checkpoint;
using ::mm1::CheckpointTensor;
using ::mm1::ElementType;
using ::mm1::ModelConfig;
using ::mm1::ResidualFactors;
using Role = ::mm1::TensorRole;

namespace {

//===------------------------------- Weights ------------------------------===//

Type importType(MLIRContext *context, ElementType type) {
  // Checkpoint reads no others.
  assert(type == ElementType::BF16 || type == ElementType::F32);
  if (type == ElementType::BF16)
    return BFloat16Type::get(context);
  return Float32Type::get(context);
}

/// Declares weights and states as symbols, each once, in the order they are
/// first asked for.
class WeightBuilder {
public:
  /// Symbols go in front of `firstUser`.
  WeightBuilder(Operation *firstUser, const Checkpoint &checkpoint)
      : context(firstUser->getContext()), builder(firstUser) {
    for (const CheckpointTensor &tensor : checkpoint.tensors())
      byRole[key(tensor.layer, tensor.role)].push_back(&tensor);
  }

  /// The checkpoint's tensors with this role, in order of experts; empty when
  /// the model has none.
  ArrayRef<const CheckpointTensor *> tensors(int64_t layer, Role role) const {
    auto found = byRole.find(key(layer, role));
    if (found == byRole.end())
      return {};
    return found->second;
  }

  /// A weight that is one tensor of the checkpoint, as it is.
  RankedTensorType plain(StringRef symbol, int64_t layer, Role role) {
    return declare(symbol, tensors(layer, role), {});
  }

  /// The matrices of all experts, `[E, out, in]`: the stack of `role`, or rows
  /// `offset .. offset+rows-1` of each expert's matrix in `stackedRole`.
  RankedTensorType experts(StringRef symbol, int64_t layer, Role role,
                           Role stackedRole, int64_t offset, int64_t rows) {
    ArrayRef<const CheckpointTensor *> stacked = tensors(layer, stackedRole);
    if (stacked.empty())
      return declare(symbol, tensors(layer, role), {StackAttr::get(context)});
    if (stacked.front()->shape[1] == rows)
      return declare(symbol, stacked, {});
    return declare(symbol, stacked,
                   {SliceAttr::get(context, /*axis=*/1, offset, rows)});
  }

  /// A weight of `size` f32 values that `step` makes from nothing.
  RankedTensorType generated(StringRef symbol, Attribute step, int64_t size,
                             Location loc) {
    auto type = RankedTensorType::get({size}, builder.getF32Type());
    return declare(symbol, recipeOf({}, {step}), type, loc);
  }

  RankedTensorType state(StringRef symbol, StateKind kind,
                         RankedTensorType type, Location loc) {
    auto [entry, isNew] = declared.try_emplace(symbol, type);
    if (isNew)
      StateOp::create(builder, loc, kind, symbol, type);
    return type;
  }

  bool hasFailed() const { return failed; }

private:
  static std::pair<int64_t, unsigned> key(int64_t layer, Role role) {
    return {layer, static_cast<unsigned>(role)};
  }

  /// A weight from checkpoint tensors; its type follows from the recipe.
  RankedTensorType declare(StringRef symbol,
                           ArrayRef<const CheckpointTensor *> tensors,
                           ArrayRef<Attribute> steps) {
    assert(!tensors.empty() && "the table of tensors lacks this role");
    if (auto found = declared.find(symbol); found != declared.end())
      return found->second;
    Location loc = NameLoc::get(builder.getStringAttr(tensors.front()->name));
    SmallVector<Attribute> sources;
    for (const CheckpointTensor *tensor : tensors)
      sources.push_back(SourceAttr::get(
          context, tensor->name,
          RankedTensorType::get(tensor->shape,
                                importType(context, tensor->type))));
    RecipeAttr recipe = recipeOf(sources, steps);
    FailureOr<RankedTensorType> type = failure();
    if (succeeded(checkOneType(tensors, loc)))
      type = recipe.inferType([&] { return emitError(loc); });
    if (mlir::failed(type)) {
      failed = true;
      // Something, so that building can go on to the end.
      type = cast<SourceAttr>(sources.front()).getType();
    }
    return declare(symbol, recipe, *type, loc);
  }

  /// Tensors that make one weight must be stored alike.
  LogicalResult checkOneType(ArrayRef<const CheckpointTensor *> tensors,
                             Location loc) const {
    for (const CheckpointTensor *tensor : tensors)
      if (tensor->type != tensors.front()->type)
        return emitError(loc)
               << "is " << ::mm1::name(tensors.front()->type) << ", but '"
               << tensor->name << "' is " << ::mm1::name(tensor->type)
               << "; the experts of a layer make one weight, convert the "
                  "checkpoint to one type";
    return success();
  }

  RankedTensorType declare(StringRef symbol, RecipeAttr recipe,
                           RankedTensorType type, Location loc) {
    auto [entry, isNew] = declared.try_emplace(symbol, type);
    if (isNew)
      WeightOp::create(builder, loc, symbol, type, recipe);
    return type;
  }

  RecipeAttr recipeOf(ArrayRef<Attribute> sources, ArrayRef<Attribute> steps) {
    return RecipeAttr::get(context, builder.getArrayAttr(sources),
                           builder.getArrayAttr(steps));
  }

  MLIRContext *context;
  OpBuilder builder;
  llvm::DenseMap<std::pair<int64_t, unsigned>,
                 SmallVector<const CheckpointTensor *, 1>>
      byRole;
  llvm::StringMap<RankedTensorType> declared;
  bool failed = false;
};

//===------------------------------- Forward ------------------------------===//

/// Builds the body of one function.
class ForwardBuilder {
public:
  ForwardBuilder(WeightBuilder &weights, const ModelConfig &config,
                 Type computeType, OpBuilder builder)
      : weights(weights), config(config), computeType(computeType),
        builder(builder), loc(builder.getUnknownLoc()) {}

  /// Tokens to the hidden rows of the last layer.
  Value body(ValueRange arguments);
  /// Rows of `hidden` to logits.
  Value head(Value hidden, Value rows);

private:
  Value layer(int64_t index, Value x);
  Value lightningAttention(Value u);
  Value softmaxAttention(Value u);
  Value feedForward(Value m);
  Value denseMlp(Value m);
  Value routedExperts(Value m);
  Value blendShared(Value m, Value routed);

  // Small words that the blocks above are written in.
  void enter(const Twine &prefix) {
    loc = NameLoc::get(builder.getStringAttr(prefix));
  }
  /// "layers.3.qkv", or the bare name outside of layers.
  std::string symbolName(StringRef name) const {
    if (layerIndex < 0)
      return name.str();
    return ("layers." + Twine(layerIndex) + "." + name).str();
  }
  /// "model.layers.3.self_attn"
  std::string layerPrefix(StringRef block) const {
    return ("model.layers." + Twine(layerIndex) + "." + block).str();
  }
  Value load(StringRef symbol, RankedTensorType type) {
    return LoadWeightOp::create(builder, loc, type, symbol);
  }
  Value weight(StringRef name, Role role) {
    std::string symbol = symbolName(name);
    return load(symbol, weights.plain(symbol, layerIndex, role));
  }
  Value linear(Value x, Value matrix, Type resultType) {
    int64_t rows = cast<RankedTensorType>(matrix.getType()).getDimSize(0);
    return LinearOp::create(builder, loc,
                            TypeRange{tensorOf({kTokens, rows}, resultType)}, x,
                            ValueRange{matrix}, ValueRange{})
        .getResult(0);
  }
  Value linear(Value x, StringRef name, Role role) {
    return linear(x, weight(name, role), computeType);
  }
  Value norm(Value x, StringRef name, Role role, double eps) {
    return RMSNormOp::create(builder, loc, x.getType(), x, weight(name, role),
                             builder.getF64FloatAttr(eps));
  }
  Value residual(Value stream, Value branch, const ResidualFactors &factors) {
    return ResidualOp::create(builder, loc, stream.getType(), stream, branch,
                              builder.getF64FloatAttr(factors.alpha),
                              builder.getF64FloatAttr(factors.beta));
  }
  Value silu(Value x) { return SiluOp::create(builder, loc, x.getType(), x); }
  Value mul(Value a, Value b) {
    return MulOp::create(builder, loc, a.getType(), a, b);
  }
  RankedTensorType tensorOf(ArrayRef<int64_t> shape, Type element) const {
    return RankedTensorType::get(shape, element);
  }

  static constexpr int64_t kTokens = ShapedType::kDynamic;

  WeightBuilder &weights;
  const ModelConfig &config;
  Type computeType;
  OpBuilder builder;
  Location loc;
  int64_t layerIndex = -1;
  Value positions, starts, slots, pages; // the batch
  Value cos, sin;                        // of the rotary angles
};

Value ForwardBuilder::body(ValueRange arguments) {
  Value tokens = arguments[0];
  positions = arguments[1];
  starts = arguments[2];
  slots = arguments[3];
  pages = arguments[4];

  enter("model.embed_tokens");
  Value x = EmbeddingOp::create(
      builder, loc, tensorOf({kTokens, config.hiddenSize}, computeType), tokens,
      weight("embed_tokens", Role::Embedding));

  if (config.countLayers(AttentionKind::Softmax) > 0) {
    enter("model.rotary_emb");
    int64_t pairs = config.rotaryDim / 2;
    auto ladder = RopeFrequenciesAttr::get(
        builder.getContext(), builder.getF64FloatAttr(config.ropeTheta),
        config.rotaryDim);
    Value frequencies =
        load("rope.inv_freq",
             weights.generated("rope.inv_freq", ladder, pairs, loc));
    Type angles = tensorOf({kTokens, pairs}, builder.getF32Type());
    auto op = RopeAnglesOp::create(builder, loc, angles, angles, positions,
                                   frequencies);
    cos = op.getCos();
    sin = op.getSin();
  }

  for (int64_t index = 0; index < config.numLayers; ++index)
    x = layer(index, x);
  return x;
}

Value ForwardBuilder::layer(int64_t index, Value x) {
  layerIndex = index;
  bool isLightning = config.attention[index] == AttentionKind::Lightning;

  enter(layerPrefix("input_layernorm"));
  Value u = norm(x, "input_layernorm", Role::InputNorm, config.rmsNormEps);
  enter(layerPrefix("self_attn"));
  Value a = isLightning ? lightningAttention(u) : softmaxAttention(u);
  Value x1 =
      residual(config.postnorm ? u : x, a,
               isLightning ? config.lightningFactors : config.softmaxFactors);

  enter(layerPrefix("post_attention_layernorm"));
  Value m = norm(x1, "post_attention_layernorm", Role::PostAttentionNorm,
                 config.rmsNormEps);
  Value f = feedForward(m);
  return residual(config.postnorm ? m : x1, f, config.mlpFactors);
}

Value ForwardBuilder::lightningAttention(Value u) {
  int64_t heads = config.numHeads, headDim = config.headDim;
  Type f32 = builder.getF32Type();

  Value qkv = silu(linear(u, "qkv", Role::LightningQkv));
  Value gate = linear(u, "output_gate", Role::LightningGate);

  std::string slopesName = symbolName("slopes");
  auto rule = LightningSlopesAttr::get(
      builder.getContext(), heads, layerIndex, config.numLayers,
      config.slopeRule == ::mm1::SlopeRule::Geometric ? SlopeRule::Geometric
                                                      : SlopeRule::Interleaved,
      config.isNative() ? LayerFactorRule::Native : LayerFactorRule::Published);
  Value slopes =
      load(slopesName, weights.generated(slopesName, rule, heads, loc));

  std::string stateName = symbolName("lightning");
  RankedTensorType pool =
      weights.state(stateName, StateKind::Recurrent,
                    tensorOf({kTokens, heads, headDim, headDim}, f32), loc);
  Value state = LoadStateOp::create(builder, loc, pool, stateName);
  auto attention = LightningAttentionOp::create(
      builder, loc, tensorOf({kTokens, config.attentionWidth()}, computeType),
      pool, qkv, slopes, state, slots, starts, positions);
  StoreStateOp::create(builder, loc, attention.getNextState(), stateName);

  // Over all heads at once, and not with the config's eps: the published code
  // builds this norm with its class default.
  Value n = norm(attention.getOut(), "norm", Role::LightningNorm,
                 ModelConfig::kLightningNormEps);
  Value y = SigmoidGateOp::create(builder, loc, n.getType(), n, gate);
  return linear(y, "out_proj", Role::LightningOut);
}

Value ForwardBuilder::softmaxAttention(Value u) {
  Value q = linear(u, "q", Role::SoftmaxQ);
  Value k = linear(u, "k", Role::SoftmaxK);
  Value v = linear(u, "v", Role::SoftmaxV);
  auto rope = [&](Value x) -> Value {
    return RopeOp::create(builder, loc, x.getType(), x, cos, sin,
                          config.headDim);
  };
  q = rope(q);
  k = rope(k);

  std::string cacheName = symbolName("kv");
  RankedTensorType pool =
      weights.state(cacheName, StateKind::KVPages,
                    tensorOf({ShapedType::kDynamic, 2, config.numKVHeads,
                              kPageTokens, config.headDim},
                             computeType),
                    loc);
  Value cache = LoadStateOp::create(builder, loc, pool, cacheName);
  cache = CacheAppendOp::create(builder, loc, pool, k, v, cache, slots, starts,
                                positions, pages);
  StoreStateOp::create(builder, loc, cache, cacheName);

  double scale = 1 / std::sqrt(static_cast<double>(config.headDim));
  Value o = SoftmaxAttentionOp::create(builder, loc, q.getType(), q, cache,
                                       slots, starts, positions, pages,
                                       builder.getF64FloatAttr(scale),
                                       /*span_tokens=*/IntegerAttr(),
                                       /*even_spans=*/IntegerAttr());
  return linear(o, "o", Role::SoftmaxOut);
}

Value ForwardBuilder::feedForward(Value m) {
  Value f = config.isDense() ? denseMlp(m) : routedExperts(m);
  return config.sharedWidths[layerIndex] > 0 ? blendShared(m, f) : f;
}

Value ForwardBuilder::denseMlp(Value m) {
  enter(layerPrefix("mlp"));
  Value gate = linear(m, "mlp.gate", Role::DenseGate);
  Value up = linear(m, "mlp.up", Role::DenseUp);
  return linear(mul(silu(gate), up), "mlp.down", Role::DenseDown);
}

Value ForwardBuilder::routedExperts(Value m) {
  Type f32 = builder.getF32Type(), i32 = builder.getI32Type();
  int64_t hidden = config.hiddenSize, width = config.intermediateSize;
  int64_t choices = config.expertsPerToken;
  // "model.layers.3.block_sparse_moe", or transformers' "model.layers.3.mlp"
  StringRef router = weights.tensors(layerIndex, Role::Router).front()->name;
  enter(router.take_front(router.rfind(".gate")));

  Value logits = linear(m, weight("router", Role::Router), f32);
  auto chosen =
      RouterOp::create(builder, loc, tensorOf({kTokens, choices}, i32),
                       tensorOf({kTokens, choices}, f32), logits);
  auto expertLinear = [&](Value x, StringRef name, Role role, Role stackedRole,
                          int64_t offset, int64_t rows) -> Value {
    std::string symbol = symbolName(name);
    Value matrices = load(symbol, weights.experts(symbol, layerIndex, role,
                                                  stackedRole, offset, rows));
    return ExpertLinearOp::create(
               builder, loc,
               TypeRange{tensorOf({kTokens, choices, rows}, computeType)}, x,
               chosen.getIds(), /*order=*/Value(), /*offsets=*/Value(),
               ValueRange{matrices}, ValueRange{})
        .getResult(0);
  };
  Value gate = expertLinear(m, "experts.w1", Role::ExpertGate,
                            Role::StackedGateUp, 0, width);
  Value up = expertLinear(m, "experts.w3", Role::ExpertUp, Role::StackedGateUp,
                          width, width);
  Value down = expertLinear(mul(silu(gate), up), "experts.w2", Role::ExpertDown,
                            Role::StackedDown, 0, hidden);
  return CombineOp::create(builder, loc, m.getType(), down,
                           chosen.getWeights());
}

Value ForwardBuilder::blendShared(Value m, Value routed) {
  enter(layerPrefix("shared_mlp"));
  Value gate = linear(m, "shared.gate", Role::SharedGate);
  Value up = linear(m, "shared.up", Role::SharedUp);
  Value shared = linear(mul(silu(gate), up), "shared.down", Role::SharedDown);
  enter(layerPrefix("coefficient"));
  Value coefficient =
      linear(m, weight("shared.coefficient", Role::SharedCoefficient),
             builder.getF32Type());
  return BlendOp::create(builder, loc, routed.getType(), coefficient, routed,
                         shared);
}

Value ForwardBuilder::head(Value hidden, Value rows) {
  enter("model.norm");
  Value h = GatherRowsOp::create(builder, loc, hidden.getType(), hidden, rows);
  h = norm(h, "norm", Role::FinalNorm, config.rmsNormEps);
  enter("lm_head");
  Role role = config.tieWordEmbeddings ? Role::Embedding : Role::Head;
  return linear(h, weight("lm_head", role), builder.getF32Type());
}

//===------------------------------- Module -------------------------------===//

DictionaryAttr describeModel(MLIRContext *context, const ModelConfig &config) {
  Builder b(context);
  auto number = [&](StringRef name, int64_t value) {
    return b.getNamedAttr(name, b.getI64IntegerAttr(value));
  };
  return b.getDictionaryAttr({
      b.getNamedAttr("model_type", b.getStringAttr(config.modelType)),
      number("hidden", config.hiddenSize),
      number("layers", config.numLayers),
      number("lightning_layers", config.countLayers(AttentionKind::Lightning)),
      number("softmax_layers", config.countLayers(AttentionKind::Softmax)),
      number("heads", config.numHeads),
      number("kv_heads", config.numKVHeads),
      number("head_dim", config.headDim),
      number("rotary_dim", config.rotaryDim),
      number("vocab", config.vocabSize),
      number("intermediate", config.intermediateSize),
      number("experts", config.numExperts),
      number("top_k", config.expertsPerToken),
      number("max_positions", config.maxPositionEmbeddings),
  });
}

/// An empty function at the end of the module whose arguments and result carry
/// their names.
func::FuncOp addFunction(ModuleOp module, StringRef name,
                         ArrayRef<std::pair<StringRef, Type>> arguments,
                         std::pair<StringRef, Type> result) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  SmallVector<Type> types;
  for (const auto &[argument, type] : arguments)
    types.push_back(type);
  auto func = func::FuncOp::create(
      builder, NameLoc::get(builder.getStringAttr(name)), name,
      builder.getFunctionType(types, {result.second}));
  func->setAttr("mm1.entry", builder.getStringAttr(name));
  for (auto [index, argument] : llvm::enumerate(arguments))
    func.setArgAttr(index, "mm1.name", builder.getStringAttr(argument.first));
  func.setResultAttr(0, "mm1.name", builder.getStringAttr(result.first));
  func.addEntryBlock();
  return func;
}

} // namespace

FailureOr<OwningOpRef<ModuleOp>>
mlir::mm1::importModel(MLIRContext &context, const Checkpoint &checkpoint,
                       const ImportOptions &options) {
  context.loadDialect<MM1Dialect, func::FuncDialect>();
  const ModelConfig &config = checkpoint.config();
  Builder b(&context);
  Type computeType = options.compute == ComputeType::BF16
                         ? Type(b.getBF16Type())
                         : Type(b.getF32Type());

  OwningOpRef<ModuleOp> module =
      ModuleOp::create(NameLoc::get(b.getStringAttr(config.modelType)));
  (*module)->setAttr(
      "mm1.compute",
      b.getStringAttr(options.compute == ComputeType::BF16 ? "bf16" : "f32"));
  (*module)->setAttr("mm1.stage", b.getStringAttr("mm1"));
  (*module)->setAttr("mm1.model", describeModel(&context, config));

  auto tensorOf = [](ArrayRef<int64_t> shape, Type element) -> Type {
    return RankedTensorType::get(shape, element);
  };
  constexpr int64_t any = ShapedType::kDynamic;
  Type vector = tensorOf({any}, b.getI32Type());
  Type pageTable = tensorOf({any, any}, b.getI32Type());
  Type hidden = tensorOf({any, config.hiddenSize}, computeType);
  Type logits = tensorOf({any, config.vocabSize}, b.getF32Type());

  SmallVector<std::pair<StringRef, Type>> batch = {{"tokens", vector},
                                                   {"positions", vector},
                                                   {"starts", vector},
                                                   {"slots", vector},
                                                   {"pages", pageTable}};
  auto decode = addFunction(*module, "decode", batch, {"hidden", hidden});
  auto prefill = addFunction(*module, "prefill", batch, {"hidden", hidden});
  auto head =
      addFunction(*module, "head", {{"hidden", hidden}, {"rows", vector}},
                  {"logits", logits});

  WeightBuilder weights(decode, checkpoint);
  auto build = [&](func::FuncOp func, auto &&body) {
    OpBuilder builder = OpBuilder::atBlockEnd(&func.front());
    ForwardBuilder forward(weights, config, computeType, builder);
    func::ReturnOp::create(builder, func.getLoc(), body(forward));
  };
  for (func::FuncOp func : {decode, prefill})
    build(func, [&](ForwardBuilder &forward) {
      return forward.body(func.getArguments());
    });
  build(head, [&](ForwardBuilder &forward) {
    return forward.head(head.getArgument(0), head.getArgument(1));
  });

  if (weights.hasFailed() || failed(verify(*module)))
    return failure();
  return module;
}
