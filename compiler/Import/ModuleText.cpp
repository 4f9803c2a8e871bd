//===- ModuleText.cpp - Modules as text that people edit ------------------===//
#include "compiler/Import/ModuleText.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/AsmParser/AsmParserState.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;

namespace {

/// The first location of a kind inside `location`, or null.
template <typename Kind> Kind findPlace(Location location) {
  Kind found;
  location->walk([&](Location part) {
    found = dyn_cast<Kind>(part);
    return found ? WalkResult::interrupt() : WalkResult::advance();
  });
  return found;
}

/// `location` without lines of files: a name, or nothing.
Location nameOf(Location location) {
  if (auto name = findPlace<NameLoc>(location))
    return NameLoc::get(name.getName());
  return UnknownLoc::get(location.getContext());
}

/// `text` without the places that say nothing: the printer writes one behind
/// every argument of a block.
std::string dropUnknownPlaces(StringRef text) {
  constexpr StringLiteral unknown = " loc(unknown)";
  std::string result;
  result.reserve(text.size());
  bool isQuoted = false;
  while (!text.empty()) {
    bool isArgument = !isQuoted && !StringRef(result).ends_with("=");
    if (isArgument && text.consume_front(unknown))
      continue;
    // Quotes inside of strings are printed as \22.
    isQuoted ^= text.front() == '"';
    result += text.front();
    text = text.drop_front();
  }
  return result;
}

/// Gives every op that says a name its line as well; one without a name has its
/// line from the parser.
void addLines(const AsmParserState &state, const llvm::SourceMgr &sources,
              StringRef file) {
  for (const AsmParserState::OperationDefinition &definition :
       state.getOpDefs()) {
    auto name = findPlace<NameLoc>(definition.op->getLoc());
    if (!name)
      continue;
    auto [line, column] = sources.getLineAndColumn(definition.loc.Start);
    definition.op->setLoc(
        NameLoc::get(name.getName(), FileLineColLoc::get(name.getContext(),
                                                         file, line, column)));
  }
}

} // namespace

FailureOr<OwningOpRef<ModuleOp>> mm1::readModule(MLIRContext &context,
                                                 const std::string &path) {
  std::string problem;
  std::unique_ptr<llvm::MemoryBuffer> file = openInputFile(path, &problem);
  if (!file)
    return emitError(UnknownLoc::get(&context)) << problem;
  // "<stdin>" for "-".
  std::string name = file->getBufferIdentifier().str();
  Location start = FileLineColLoc::get(&context, name, 0, 0);
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(file), llvm::SMLoc());

  Block block;
  AsmParserState state;
  ParserConfig config(&context, /*verifyAfterParse=*/false);
  if (failed(parseAsmSourceFile(sources, &block, config, &state)))
    return failure();
  auto isModule = [](Operation &op) { return isa<ModuleOp>(op); };
  if (!llvm::hasSingleElement(block) || !isModule(block.front()))
    return emitError(start) << "expects one 'module' and nothing beside it";
  OwningOpRef<ModuleOp> module = cast<ModuleOp>(block.front());
  addLines(state, sources, name);
  block.front().remove();
  if (failed(verify(*module)))
    return failure();
  return module;
}

std::string mm1::printModule(ModuleOp module) {
  // On a copy: lines are of use to who goes on with the module.
  OwningOpRef<ModuleOp> copy = module.clone();
  copy->walk([](Operation *op) {
    op->setLoc(nameOf(op->getLoc()));
    for (Region &region : op->getRegions())
      for (BlockArgument argument : region.getArguments())
        argument.setLoc(UnknownLoc::get(op->getContext()));
  });
  std::string text;
  llvm::raw_string_ostream stream(text);
  copy->print(stream, OpPrintingFlags().enableDebugInfo());
  return dropUnknownPlaces(text);
}

std::string mm1::nameOfPlace(Location location) {
  auto name = findPlace<NameLoc>(location);
  return name ? name.getName().str() : "";
}

std::string mm1::describePlace(Location location) {
  std::string text;
  if (auto file = findPlace<FileLineColLoc>(location)) {
    text = file.getFilename().str();
    if (file.getLine() > 0)
      text += ":" + std::to_string(file.getLine()) + ":" +
              std::to_string(file.getColumn());
    text += ": ";
  }
  std::string name = nameOfPlace(location);
  return name.empty() ? text : text + name + ": ";
}
