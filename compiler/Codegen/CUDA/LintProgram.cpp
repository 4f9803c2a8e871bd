//===- LintProgram.cpp - Rules that only a program's text can break -------===//
#include "compiler/Codegen/CUDA/LintProgram.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Regex.h"

using namespace mlir::mm1::cuda;
using llvm::Error;
using llvm::formatv;
using llvm::SmallVector;
using llvm::StringRef;

//===---------------------------------- Text --------------------------------===//

namespace {

/// A kernel of a printed program.
struct KernelText {
  StringRef name, parameters, body;
};

/// From `text` on, up to the bracket that closes the one it begins with.
StringRef bracketed(StringRef text, char open, char close) {
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    depth += text[i] == open ? 1 : text[i] == close ? -1 : 0;
    if (depth == 0)
      return text.substr(1, i - 1);
  }
  return text.drop_front();
}

/// DP_KERNEL(256) name(parameters) { body }
SmallVector<KernelText> kernelsOf(StringRef text) {
  SmallVector<KernelText> kernels;
  constexpr StringRef kWord = "DP_KERNEL(";
  for (size_t at = text.find(kWord); at != StringRef::npos;
       at = text.find(kWord, at + 1)) {
    StringRef rest = text.substr(at + kWord.size());
    rest = rest.substr(rest.find(')') + 1).ltrim();
    KernelText kernel;
    kernel.name = rest.take_until([](char c) { return c == '('; });
    rest = rest.drop_front(kernel.name.size());
    kernel.parameters = bracketed(rest, '(', ')');
    rest = rest.substr(rest.find('{'));
    kernel.body = bracketed(rest, '{', '}');
    kernels.push_back(kernel);
  }
  return kernels;
}

} // namespace

llvm::StringMap<SmallVector<bool>> mlir::mm1::cuda::weightsOf(StringRef text) {
  llvm::StringMap<SmallVector<bool>> weights;
  for (const KernelText &kernel : kernelsOf(text))
    for (StringRef parameter : llvm::split(kernel.parameters, ','))
      weights[kernel.name].push_back(parameter.contains("__restrict__"));
  return weights;
}

Error mlir::mm1::cuda::lintText(StringRef text) {
  static const llvm::Regex kForeign(
      "(^|[^A-Za-z0-9_])(asm|threadIdx|blockIdx|blockDim|gridDim|__shared__|"
      "__global__|__device__|__ldg|__sync[a-z]*|__shfl[a-z_]*|__ballot[a-z_]*|"
      "atomic[A-Z][A-Za-z]*)([^A-Za-z0-9_]|$)");
  for (StringRef line : llvm::split(text, '\n')) {
    StringRef code = line.take_front(line.find("//"));
    SmallVector<StringRef> found;
    if (kForeign.match(code, &found))
      return llvm::createStringError(formatv(
          "'{0}' says '{1}'; a program speaks dp (kernels/dp/dp.h) only",
          code.trim(), found[2]));
    if (code.ltrim().consume_front("#include")) {
      StringRef header = code.split('"').second.split('"').first;
      if (!header.starts_with("dp/") && !header.starts_with("skeletons/") &&
          !header.starts_with("step/"))
        return llvm::createStringError(
            formatv("'{0}' is no header of kernels/", code.trim()));
    }
  }
  for (const KernelText &kernel : kernelsOf(text)) {
    StringRef body = kernel.body.ltrim();
    while (body.starts_with("DP_SHARED_MEMORY("))
      body = body.substr(body.find(';') + 1).ltrim();
    if (!body.starts_with("dp::wait_grid();"))
      return llvm::createStringError(formatv(
          "kernel '{0}' begins with '{1}', not with dp::wait_grid()",
          kernel.name, body.take_until([](char c) { return c == '\n'; })));
  }
  return Error::success();
}

//===---------------------------------- PTX ---------------------------------===//

namespace {

/// A set of a kernel's parameters, by number, and tables of constants (of a
/// sine, for one), which nobody writes either.
using Parameters = uint64_t;
constexpr unsigned kConstants = 63;

struct Instruction {
  StringRef line, opcode, operands;

  bool is(StringRef prefix) const { return opcode.starts_with(prefix); }
  bool has(StringRef part) const { return opcode.contains(part); }
  /// Reads or writes memory that may be another kernel's.
  bool touchesGlobal() const {
    if (has(".shared::cluster.global") || has(".shared.global"))
      return true;
    return (is("ld.") || is("st.") || is("atom.") || is("red.")) &&
           !has(".param") && !has(".shared") && !has(".local") &&
           !has(".const");
  }
};

/// An entry of PTX.
struct Entry {
  StringRef name;
  SmallVector<Instruction> instructions; ///< labels have no opcode
};

SmallVector<Entry> entriesOf(StringRef ptx) {
  SmallVector<Entry> entries;
  bool isInside = false;
  for (StringRef line : llvm::split(ptx, '\n')) {
    StringRef code = line.take_front(line.find("//")).trim();
    if (size_t at = code.find(".entry "); at != StringRef::npos) {
      entries.push_back({code.substr(at + 7).take_until(
                             [](char c) { return c == '(' || c == ' '; }),
                         {}});
    } else if (code.contains(".func ")) {
      entries.push_back({"", {}}); // a function that is called
    }
    if (entries.empty())
      continue;
    if (line == "{") {
      isInside = true;
      continue;
    }
    if (line == "}")
      isInside = false;
    if (!isInside || code.empty() || code.starts_with("."))
      continue;
    // An asm of several instructions stands in braces of its own.
    for (StringRef part : llvm::split(code, ';')) {
      part = part.trim().trim("{}").trim();
      StringRef rest = part;
      if (rest.starts_with("@"))
        rest = rest.drop_until([](char c) { return c == ' ' || c == '\t'; })
                   .ltrim();
      if (rest.empty() || rest.starts_with(".reg"))
        continue;
      auto [opcode, operands] = rest.split(rest.contains('\t') ? '\t' : ' ');
      if (rest.ends_with(":"))
        opcode = "";
      entries.back().instructions.push_back(
          {part, opcode.trim(), operands.trim()});
    }
  }
  return entries;
}

/// The registers named in `text`: %rd4, %r1, %p2.
void forEachRegister(StringRef text, llvm::function_ref<void(StringRef)> then) {
  for (size_t at = text.find('%'); at != StringRef::npos;
       at = text.find('%', at + 1))
    then(text.substr(at).take_while(
        [](char c) { return c == '%' || llvm::isAlnum(c); }));
}

/// Which parameters each register's value may be an address of.
class Origins {
public:
  explicit Origins(const Entry &entry) : isKernel(!entry.name.empty()) {
    for (bool changes = true; changes;) {
      changes = false;
      for (const Instruction &instruction : entry.instructions)
        changes |= flow(instruction);
    }
  }

  Parameters of(StringRef operands) const {
    Parameters all = 0;
    forEachRegister(operands,
                    [&](StringRef name) { all |= origins.lookup(name); });
    return all;
  }

private:
  /// What is read from memory is no address of ours; everything else is made
  /// from its operands.
  bool flow(const Instruction &instruction) {
    StringRef target =
        instruction.operands.take_until([](char c) { return c == ','; });
    StringRef sources = instruction.operands.drop_front(target.size());
    Parameters from = 0;
    if (instruction.is("ld.param")) {
      // What functions are called with (NVRTC makes some for sin and cos) are
      // numbers; they read tables.
      if (!isKernel)
        return false;
      StringRef number = sources.rsplit("_param_").second;
      unsigned parameter = 0;
      if (!number.consumeInteger(10, parameter) && parameter < kConstants)
        from = Parameters(1) << parameter;
    } else if (StringRef name = sources.ltrim(", _");
               instruction.is("mov.") && !name.empty() &&
               llvm::isAlpha(name.front())) {
      from = Parameters(1) << kConstants;
    } else if (!instruction.touchesGlobal() && !instruction.is("ld.") &&
               !instruction.is("st.")) {
      from = of(sources);
    }
    bool changes = false;
    if (from)
      forEachRegister(target, [&](StringRef name) {
        Parameters &known = origins[name];
        changes |= (known | from) != known;
        known |= from;
      });
    return changes;
  }

  const bool isKernel;
  llvm::StringMap<Parameters> origins;
};

/// "parameter 0, which is no weight", or "" when all of them are weights.
std::string notWeights(StringRef kernel, Parameters parameters,
                       IsWeight isWeight) {
  if (!parameters)
    return "what is no parameter";
  for (unsigned i = 0; i < kConstants; ++i)
    if (parameters >> i & 1 && !isWeight(kernel, i))
      return formatv("parameter {0}, which is no weight", i);
  return "";
}

/// The operand that is an address: in brackets.
StringRef address(const Instruction &instruction, bool isLast = true) {
  StringRef operands = instruction.operands;
  size_t at = isLast ? operands.rfind('[') : operands.find('[');
  return operands.substr(at).take_until([](char c) { return c == ']'; });
}

} // namespace

Error mlir::mm1::cuda::lintWeightLoads(StringRef ptx, IsWeight isWeight) {
  for (const Entry &entry : entriesOf(ptx)) {
    Origins origins(entry);
    for (const Instruction &instruction : entry.instructions) {
      if (!instruction.is("ld.global") || !instruction.has(".nc"))
        continue;
      std::string wrong =
          notWeights(entry.name, origins.of(address(instruction)), isWeight);
      if (!wrong.empty())
        return llvm::createStringError(formatv("kernel '{0}': '{1}' reads {2}",
                                               entry.name, instruction.line,
                                               wrong));
    }
  }
  return Error::success();
}

/// Whether the kernels are for an architecture that has griddepcontrol.
static bool hasWaits(StringRef ptx) {
  StringRef target = ptx.substr(ptx.find(".target sm_")).substr(11);
  unsigned number = 0;
  return !target.consumeInteger(10, number) && number >= 90;
}

Error mlir::mm1::cuda::lintWaits(StringRef ptx, IsWeight isWeight) {
  if (!hasWaits(ptx))
    return Error::success();
  for (const Entry &entry : entriesOf(ptx)) {
    if (entry.name.empty())
      continue;
    Origins origins(entry);
    auto error = [&](const Instruction &instruction, const std::string &what) {
      return llvm::createStringError(formatv(
          "kernel '{0}': '{1}' {2}", entry.name, instruction.line, what));
    };
    llvm::StringSet<> labels; // in front of the wait
    SmallVector<const Instruction *> branches;
    bool waits = false;
    for (const Instruction &instruction : entry.instructions) {
      if (instruction.opcode.empty())
        labels.insert(instruction.line.drop_back());
      if (instruction.is("bra"))
        branches.push_back(&instruction);
      if (instruction.is("griddepcontrol.wait")) {
        waits = true;
        break;
      }
      if (instruction.is("griddepcontrol.launch_dependents"))
        return error(instruction, "stands in front of the wait");
      if (instruction.is("ret") || instruction.is("exit"))
        return error(instruction, "returns before the wait");
      if (!instruction.touchesGlobal())
        continue;
      std::string wrong =
          notWeights(entry.name, origins.of(address(instruction)), isWeight);
      if (!wrong.empty())
        return error(instruction, "touches " + wrong + ", before the wait");
    }
    if (!waits)
      return llvm::createStringError(
          formatv("kernel '{0}' never waits for those in front", entry.name));
    for (const Instruction *branch : branches)
      if (!labels.contains(branch->operands))
        return error(*branch, "goes past the wait");
  }
  return Error::success();
}

Error mlir::mm1::cuda::lintProgram(StringRef text, StringRef ptx) {
  if (Error error = lintText(text))
    return error;
  llvm::StringMap<SmallVector<bool>> weights = weightsOf(text);
  auto isWeight = [&](StringRef kernel, unsigned parameter) {
    auto it = weights.find(kernel);
    return it != weights.end() && parameter < it->second.size() &&
           it->second[parameter];
  };
  if (Error error = lintWeightLoads(ptx, isWeight))
    return error;
  return lintWaits(ptx, isWeight);
}
