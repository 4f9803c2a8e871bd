//===- PlanOps.cpp - Syntax and constraints of single plan ops ------------===//
// Labels C1, C2, ... are those of PlanOps.td and of the tests. What concerns a
// whole entry is in VerifyEntry.cpp, what concerns all entries in
// VerifyPlan.cpp.
//===----------------------------------------------------------------------===//
#include "dialects/Plan/Layout.h"
#include "dialects/Plan/Plan.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::plan;

#include "dialects/Plan/PlanDialect.cpp.inc"
#include "dialects/Plan/PlanEnums.cpp.inc"

void PlanDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Plan/PlanOps.cpp.inc"
      >();
}

//===----------------- `(read %x : type, write %y : type)` ----------------===//

static ParseResult parseAccess(OpAsmParser &parser,
                               SmallVectorImpl<int32_t> &kinds) {
  StringRef keyword;
  SMLoc place = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<Access> kind = symbolizeAccess(keyword);
  if (!kind)
    return parser.emitError(place)
           << "expects 'read', 'write' or 'update', found '" << keyword << "'";
  kinds.push_back(static_cast<int32_t>(*kind));
  return success();
}

/// `access` as text; number `i` may be missing in IR that does not verify.
static StringRef accessName(DenseI32ArrayAttr access, size_t i) {
  bool known = i < static_cast<size_t>(access.size());
  return stringifyAccess(
      static_cast<Access>(known ? access.asArrayRef()[i] : 0));
}

static ParseResult
parseArguments(OpAsmParser &parser,
               SmallVectorImpl<OpAsmParser::UnresolvedOperand> &args,
               SmallVectorImpl<Type> &types, DenseI32ArrayAttr &access) {
  SmallVector<int32_t> kinds;
  auto parseOne = [&]() -> ParseResult {
    return failure(parseAccess(parser, kinds) ||
                   parser.parseOperand(args.emplace_back()) ||
                   parser.parseColon() ||
                   parser.parseType(types.emplace_back()));
  };
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, parseOne))
    return failure();
  access = parser.getBuilder().getDenseI32ArrayAttr(kinds);
  return success();
}

static void printArguments(OpAsmPrinter &printer, Operation *,
                           OperandRange args, TypeRange types,
                           DenseI32ArrayAttr access) {
  printer << '(';
  for (unsigned i = 0, size = args.size(); i < size; ++i)
    printer << (i ? ", " : "") << accessName(access, i) << ' ' << args[i]
            << " : " << types[i];
  printer << ')';
}

//===------------------- `(write "tokens" type, ...)` ---------------------===//

static ParseResult parsePorts(OpAsmParser &parser, ArrayAttr &ports,
                              ArrayAttr &types, DenseI32ArrayAttr &access) {
  SmallVector<Attribute> names;
  SmallVector<Type> found;
  SmallVector<int32_t> kinds;
  auto parseOne = [&]() -> ParseResult {
    std::string name;
    if (parseAccess(parser, kinds) || parser.parseString(&name) ||
        parser.parseType(found.emplace_back()))
      return failure();
    names.push_back(parser.getBuilder().getStringAttr(name));
    return success();
  };
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, parseOne))
    return failure();
  ports = parser.getBuilder().getArrayAttr(names);
  types = parser.getBuilder().getTypeArrayAttr(found);
  access = parser.getBuilder().getDenseI32ArrayAttr(kinds);
  return success();
}

static void printPorts(OpAsmPrinter &printer, Operation *, ArrayAttr ports,
                       ArrayAttr types, DenseI32ArrayAttr access) {
  printer << '(';
  if (ports && types)
    for (auto [i, port, type] : llvm::enumerate(ports, types))
      printer << (i ? ", " : "") << accessName(access, i) << ' ' << port << ' '
              << type;
  printer << ')';
}

//===---------------------------- `[ep, tp]` ------------------------------===//

static ParseResult parseAxes(OpAsmParser &parser, DenseI32ArrayAttr &axes) {
  SmallVector<int32_t> found;
  auto parseOne = [&]() -> ParseResult {
    StringRef keyword;
    SMLoc place = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword))
      return failure();
    std::optional<GridAxis> axis = symbolizeGridAxis(keyword);
    if (!axis)
      return parser.emitError(place)
             << "expects an axis, pp, ep or tp, found '" << keyword << "'";
    found.push_back(static_cast<int32_t>(*axis));
    return success();
  };
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square, parseOne))
    return failure();
  axes = parser.getBuilder().getDenseI32ArrayAttr(found);
  return success();
}

static void printAxes(OpAsmPrinter &printer, Operation *,
                      DenseI32ArrayAttr axes) {
  printer << '[';
  llvm::interleaveComma(axes.asArrayRef(), printer, [&](int32_t axis) {
    printer << stringifyGridAxis(static_cast<GridAxis>(axis));
  });
  printer << ']';
}

#include "dialects/Plan/PlanInterfaces.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/Plan/PlanOps.cpp.inc"

//===--------------------- Limits, modules and kernels --------------------===//

LogicalResult LimitsOp::verify() {
  for (NamedAttribute attr : (*this)->getAttrDictionary()) {
    auto value = dyn_cast<IntegerAttr>(attr.getValue());
    bool isSpare = attr.getName().getValue().starts_with("spare_");
    if (value && value.getInt() < (isSpare ? 0 : 1)) // C1
      return emitOpError() << "expects a "
                           << (isSpare ? "not negative " : "positive ")
                           << attr.getName() << ", found " << value.getInt();
  }
  auto module = (*this)->getParentOfType<ModuleOp>();
  for (LimitsOp other : module.getOps<LimitsOp>())
    if (other != *this && other->isBeforeInBlock(*this)) // C2
      return emitOpError("stands twice in one module");
  ArrayRef<int64_t> grid = getGrid(); // C3
  if (grid.size() != 3 || llvm::any_of(grid, [](int64_t n) { return n < 1; }))
    return emitOpError() << "expects a grid of three positive sizes, [pp, ep, "
                            "tp], found ["
                         << grid << "]";
  auto ranks = module->getAttrOfType<IntegerAttr>("mm1.ranks");
  int64_t numRanks = ranks ? ranks.getInt() : 1;
  if (getNumRanks() != numRanks)
    return emitOpError() << "has a grid of " << getNumRanks()
                         << " ranks, but the module is for " << numRanks;
  if (getPageImage().empty()) // C4
    return emitOpError("expects the name of a page image");
  return success();
}

LogicalResult KernelModuleOp::verify() {
  bool isCuda = getDevice() == DeviceKind::CUDA;
  if (isCuda != getArch().has_value()) // C1
    return emitOpError() << "expects " << (isCuda ? "an" : "no")
                         << " architecture on a "
                         << stringifyDeviceKind(getDevice()) << " module";
  if (isCuda && getHostOf()) // C2
    return emitOpError("is no build for the host: it is for a GPU itself");
  return success();
}

LogicalResult KernelModuleOp::verifySymbolUses(SymbolTableCollection &tables) {
  if (!getHostOf())
    return success();
  auto other = tables.lookupNearestSymbolFrom<KernelModuleOp>(
      (*this)->getParentOfType<ModuleOp>(), getHostOfAttr());
  if (!other || other.getDevice() != DeviceKind::CUDA ||
      !other->isBeforeInBlock(*this)) // C2
    return emitOpError() << "expects " << getHostOfAttr()
                         << " to name a cuda 'plan.kernel_module' above";
  return success();
}

LogicalResult KernelOp::verifyRegions() {
  if (isBuiltin()) { // C1
    if (!getBody().empty())
      return emitOpError("is a builtin and has a body");
    size_t size = getBuiltinTypes() ? getBuiltinTypes()->size() : 0;
    if (size == 0 || !getBuiltinPorts() || getBuiltinPorts()->size() != size ||
        getBuiltinAccess().value_or(ArrayRef<int32_t>()).size() != size)
      return emitOpError("expects ports, one access and one type for each");
    llvm::StringSet<> names;
    for (StringRef name : getBuiltinPorts()->getAsValueRange<StringAttr>())
      if (!names.insert(name).second)
        return emitOpError() << "names port '" << name << "' twice";
    for (Type type : getBuiltinTypes()->getAsValueRange<TypeAttr>())
      if (!isa<RankedTensorType>(type))
        return emitOpError() << "expects tensors as parameters, found " << type;
    return success();
  }
  if (getBody().empty()) // C1
    return emitOpError("expects a body with an 'mm1.cluster', or 'builtin'");
  Block &block = getBody().front();
  if (block.getOperations().size() != 1 ||
      !isa<mm1::ClusterOp>(block.front())) // C1
    return emitOpError("expects exactly one op, an 'mm1.cluster'");
  if (getCluster().getInputs() != ValueRange(block.getArguments())) // C2
    return emitOpError(
        "expects the cluster's inputs to be the block's arguments, in order");
  return success();
}

LogicalResult KernelOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto module = tables.lookupNearestSymbolFrom<KernelModuleOp>(
      (*this)->getParentOfType<ModuleOp>(), getModuleAttr());
  if (!module) // C3
    return emitOpError() << "expects " << getModuleAttr()
                         << " to name a 'plan.kernel_module'";
  if (module.getDevice() == DeviceKind::CPU &&
      (isBuiltin() || getWaits())) // C4
    return emitOpError() << "is "
                         << (isBuiltin() ? "a builtin" : "said to wait")
                         << ", but kernels of a cpu have a cluster and follow "
                            "one another";
  return success();
}

mm1::ClusterOp KernelOp::getCluster() {
  return cast<mm1::ClusterOp>(getBody().front().front());
}

SmallVector<KernelParameter> KernelOp::getParameters() {
  if (isBuiltin()) {
    SmallVector<KernelParameter> parameters;
    for (auto [type, access] :
         llvm::zip(getBuiltinTypes()->getAsValueRange<TypeAttr>(),
                   *getBuiltinAccess()))
      parameters.push_back(
          {cast<RankedTensorType>(type), static_cast<Access>(access)});
    return parameters;
  }
  return kernelParameters(getCluster());
}

SmallVector<KernelParameter> plan::kernelParameters(mm1::ClusterOp cluster) {
  SmallVector<KernelParameter> parameters;
  for (Value input : cluster.getInputs())
    parameters.push_back(
        {cast<RankedTensorType>(input.getType()), Access::Read});
  SmallVector<InPlaceResult> inPlace = inPlaceResults(cluster);
  for (InPlaceResult pair : inPlace)
    parameters[pair.input].access = Access::Update;
  for (auto [i, output] : llvm::enumerate(cluster.getOutputs()))
    if (llvm::none_of(inPlace, [&](auto pair) { return pair.result == i; }))
      parameters.push_back(
          {cast<RankedTensorType>(output.getType()), Access::Write});
  return parameters;
}

SmallVector<InPlaceResult> plan::inPlaceResults(mm1::ClusterOp cluster) {
  SmallVector<InPlaceResult> pairs;
  OperandRange yielded = cluster.getYield().getOperands();
  for (Operation &op : cluster.getBody().front()) {
    auto updater = dyn_cast<mm1::StateUpdateOpInterface>(op);
    if (!updater)
      continue;
    for (mm1::StateUpdate update : updater.getStateUpdates()) {
      auto state = dyn_cast<BlockArgument>(op.getOperand(update.operand));
      if (!state)
        continue;
      pairs.push_back({state.getArgNumber(), std::nullopt});
      auto next = llvm::find(yielded, op.getResult(update.result));
      if (next != yielded.end())
        pairs.back().result = std::distance(yielded.begin(), next);
    }
  }
  return pairs;
}

int64_t plan::weightBytesRead(KernelOp kernel, unsigned parameter,
                              int64_t tokens) {
  BlockArgument weight =
      kernel.getCluster().getBody().front().getArgument(parameter);
  auto type = cast<RankedTensorType>(weight.getType());
  int64_t bytes = weightBytes(type), most = 0;
  for (OpOperand &use : weight.getUses())
    if (auto reader = dyn_cast<mm1::RowOpInterface>(use.getOwner())) {
      int64_t all = type.getDimSize(0);
      int64_t read = reader.getMostRead(use.getOperandNumber(), tokens);
      most = std::max(most, read == all ? bytes : bytes / all * read);
    }
  return most;
}

//===------------------------ What an entry names -------------------------===//

LogicalResult BufferOp::verify() {
  if (getOffset() % kAlignment != 0 ||
      static_cast<int64_t>(getOffset()) < 0) // C1
    return emitOpError() << "expects an offset that is a multiple of "
                         << kAlignment << ", found "
                         << static_cast<int64_t>(getOffset());
  if (getRole().has_value() != getName().has_value()) // C3
    return emitOpError("expects a name and a role together");
  RankedTensorType type = getTensorType();
  int64_t rows = getRows(), columns = getColumns();
  if (rows < 0 || columns < 0 || type.getEncoding())
    return emitOpError("expects rows and columns from 0 on, and no encoding");
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.isDynamicDim(dim) && dim > 1)
      return emitOpError() << "expects dimensions from 2 on to be static, "
                           << "found " << type;
  if (type.getRank() > 2 && type.isDynamicDim(1))
    return emitOpError() << "expects only matrices to have dynamic columns, "
                         << "found " << type;
  int64_t wanted = bufferBytes(type, rows, columns);
  if (wanted != static_cast<int64_t>(getBytes())) // C2
    return emitOpError() << "expects " << wanted << " bytes for " << rows
                         << " rows of " << type << ", found "
                         << static_cast<int64_t>(getBytes());
  return success();
}

/// C1 of weight_ref and state_ref.
template <typename SymbolOp>
static LogicalResult verifyReference(Operation *op, FlatSymbolRefAttr name,
                                     Type type, StringRef kind,
                                     SymbolTableCollection &tables) {
  auto symbol = tables.lookupNearestSymbolFrom<SymbolOp>(
      op->getParentOfType<ModuleOp>(), name);
  if (!symbol)
    return op->emitOpError()
           << "expects " << name << " to name an '" << kind << "'";
  if (symbol.getType() == type)
    return success();
  InFlightDiagnostic diag = op->emitOpError()
                            << "has type " << type << ", but " << name << " is "
                            << symbol.getType();
  diag.attachNote(symbol.getLoc()) << name << " declared here";
  return diag;
}

LogicalResult WeightRefOp::verifySymbolUses(SymbolTableCollection &tables) {
  return verifyReference<mm1::WeightOp>(
      *this, getWeightAttr(), getValue().getType(), "mm1.weight", tables);
}
LogicalResult StateRefOp::verifySymbolUses(SymbolTableCollection &tables) {
  return verifyReference<mm1::StateOp>(
      *this, getStateAttr(), getValue().getType(), "mm1.state", tables);
}

//===------------------------- What an entry does -------------------------===//

/// Every argument has a legal access, is memory that a plan op names, and is a
/// weight only where it is read.
static LogicalResult verifyAccess(Operation *op, OperandRange args,
                                  ArrayRef<int32_t> access) {
  if (access.size() != args.size())
    return op->emitOpError()
           << "expects one access per argument, found " << access.size()
           << " for " << args.size() << " arguments";
  for (auto [i, arg] : llvm::enumerate(args)) {
    if (!symbolizeAccess(access[i]))
      return op->emitOpError() << "has an unknown access " << access[i];
    Operation *source = arg.getDefiningOp();
    if (!isa_and_nonnull<BufferOp, WeightRefOp, StateRefOp>(source))
      return op->emitOpError()
             << "expects argument " << i
             << " to come from 'plan.buffer', 'plan.weight_ref' or "
                "'plan.state_ref'";
    if (isa<WeightRefOp>(source) && access[i] != int32_t(Access::Read))
      return op->emitOpError()
             << "writes argument " << i << ", a weight; weights are only read";
  }
  return success();
}

ArrayRef<int32_t> LaunchOp::getStepAccess() { return getAccess(); }
ArrayRef<int32_t> CopyOp::getStepAccess() { return getAccess(); }
ArrayRef<int32_t> CollectiveOp::getStepAccess() { return getAccess(); }
ArrayRef<int32_t> HostCallOp::getStepAccess() { return getAccess(); }

/// C3 of launch and host_call.
static LogicalResult verifyGrid(Operation *op, int64_t tasks, int64_t per) {
  if (tasks >= 1 && per >= 1)
    return success();
  return op->emitOpError() << "expects a positive grid, found tasks = " << tasks
                           << " per = " << per;
}

/// Reads one 'plan.buffer' and writes one.
static LogicalResult verifyTransfer(Operation *op, OperandRange args,
                                    ArrayRef<int32_t> access) {
  if (failed(verifyAccess(op, args, access)))
    return failure();
  if (access.size() != 2 || access[0] != int32_t(Access::Read) ||
      access[1] != int32_t(Access::Write))
    return op->emitOpError("expects to read one buffer and to write one");
  for (Value arg : args)
    if (!arg.getDefiningOp<BufferOp>())
      return op->emitOpError("expects arguments from 'plan.buffer'");
  return success();
}

LogicalResult LaunchOp::verify() {
  if (failed(verifyGrid(*this, getTasks(), getPer()))) // C3
    return failure();
  for (auto [name, value] : {std::pair<StringRef, int64_t>{"grain", getGrain()},
                             {"threads", getThreads()},
                             {"shared_bytes", getSharedBytes()},
                             {"workspace_bytes", getWorkspaceBytes()}})
    if (value < 0) // C6
      return emitOpError() << "expects " << name << " from 0 on, found "
                           << value;
  return verifyAccess(*this, getArgs(), getAccess()); // C4, C5
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto kernel = tables.lookupNearestSymbolFrom<KernelOp>(
      getOperation()->getParentOfType<ModuleOp>(), getKernelAttr());
  if (!kernel) // C1
    return emitOpError() << "expects " << getKernelAttr()
                         << " to name a 'plan.kernel'";
  auto refuse = [&](const Twine &what) {
    InFlightDiagnostic diag = emitOpError() << what;
    diag.attachNote(kernel.getLoc()) << getKernelAttr() << " is here";
    return diag;
  };
  SmallVector<KernelParameter> parameters = kernel.getParameters();
  if (parameters.size() != getArgs().size()) // C2
    return refuse("passes " + Twine(getArgs().size()) + " arguments, but " +
                  getKernel() + " takes " + Twine(parameters.size()));
  for (auto [i, parameter] : llvm::enumerate(parameters)) {
    if (getArgs()[i].getType() != parameter.type) // C2
      return refuse("passes an argument " + Twine(i) + " of another type")
             << ": expects " << parameter.type << ", found "
             << getArgs()[i].getType();
    auto access = static_cast<Access>(getAccess()[i]);
    if (access != parameter.access) // C2
      return refuse("passes argument " + Twine(i) + " to " +
                    stringifyAccess(access) + ", but " + getKernel() +
                    " is to " + stringifyAccess(parameter.access) + " it");
  }
  if (getEarlyStart() && !kernel.getWaits()) // C7
    return refuse("starts early, but " + getKernel() +
                  " does not wait for what it reads");
  auto module = tables.lookupNearestSymbolFrom<KernelModuleOp>(
      getOperation()->getParentOfType<ModuleOp>(), kernel.getModuleAttr());
  bool isCPU = module && module.getDevice() == DeviceKind::CPU; // C8
  if (isCPU && (getThreads() || getSharedBytes() || getWorkspaceBytes()))
    return refuse("has a block of a GPU, but " + getKernel() +
                  " runs on a cpu: expects no threads, shared_bytes and "
                  "workspace_bytes");
  if (!isCPU && getThreads() == 0)
    return refuse("expects the threads of a block: " + getKernel() +
                  " runs on a GPU");
  DictionaryAttr schedule =
      kernel.isBuiltin() ? nullptr : kernel.getCluster().getScheduleAttr();
  if (!schedule)
    return success();
  auto grain = schedule.getAs<IntegerAttr>("grain");
  if (grain && grain.getInt() != static_cast<int64_t>(getGrain())) // C3
    return refuse("has another grain than its kernel's schedule: expects " +
                  Twine(grain.getInt()));
  auto tasks = schedule.getAs<IntegerAttr>("tasks"),
       per = schedule.getAs<IntegerAttr>("per");
  auto unit = schedule.getAs<StringAttr>("unit");
  if (tasks && per && unit &&
      (tasks.getInt() != static_cast<int64_t>(getTasks()) ||
       per.getInt() != static_cast<int64_t>(getPer()) ||
       unit.getValue() != stringifyGridUnit(getUnit()))) // C3
    return refuse("has another grid than its kernel's schedule")
           << ": expects tasks = " << tasks.getInt()
           << " unit = " << unit.getValue() << " per = " << per.getInt();
  return success();
}

LogicalResult CopyOp::verify() {
  if (failed(verifyTransfer(*this, getArgs(), getAccess()))) // C1, C2
    return failure();
  auto from = getArgs()[0].getDefiningOp<BufferOp>(),
       to = getArgs()[1].getDefiningOp<BufferOp>();
  if (from.getTensorType() != to.getTensorType() ||
      from.getBytes() != to.getBytes()) // C1
    return emitOpError() << "copies " << from.getBytes() << " bytes of "
                         << from.getTensorType() << " to " << to.getBytes()
                         << " bytes of " << to.getTensorType();
  return success();
}

LogicalResult CollectiveOp::verify() {
  if (failed(verifyTransfer(*this, getArgs(), getAccess()))) // C1, C4
    return failure();
  constexpr int32_t ep = int32_t(GridAxis::EP), tp = int32_t(GridAxis::TP);
  ArrayRef<int32_t> axes = getAxes();
  if (axes != ArrayRef{ep} && axes != ArrayRef{tp} &&
      axes != ArrayRef{ep, tp}) // C2
    return emitOpError("expects to be over [ep], [tp] or [ep, tp]");
  LimitsOp limits = getLimits((*this)->getParentOfType<ModuleOp>());
  int64_t ranks = 1;
  for (int32_t axis : axes)
    if (limits && limits.getGrid().size() == 3)
      ranks *= limits.getGridSize(static_cast<GridAxis>(axis));
  auto input = cast<RankedTensorType>(getArgs()[0].getType()),
       output = cast<RankedTensorType>(getArgs()[1].getType());
  SmallVector<int64_t> shape(input.getShape());
  if (getKind() == CollectiveKind::AllGather && !shape.empty() &&
      !ShapedType::isDynamic(shape.back()))
    shape.back() *= ranks;
  auto wanted = RankedTensorType::get(shape, input.getElementType());
  if (output != wanted) // C3
    return emitOpError() << "expects to write " << wanted << ", found "
                         << output;
  return success();
}

LogicalResult HostCallOp::verify() {
  if (getCallee().empty()) // C1
    return emitOpError("expects the name of a function");
  if (failed(verifyGrid(*this, getTasks(), getPer()))) // C3
    return failure();
  return verifyAccess(*this, getArgs(), getAccess()); // C2
}
