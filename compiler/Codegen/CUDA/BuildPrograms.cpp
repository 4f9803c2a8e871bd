//===- BuildPrograms.cpp - Printed programs become cubins -----------------===//
#include "compiler/Codegen/CUDA/BuildPrograms.h"
#include "compiler/Codegen/CUDA/KernelHeaders.h"
#include "compiler/Codegen/CUDA/SideBySide.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"

#include <mutex>
#include <optional>

using namespace mlir::mm1::cuda;
using llvm::Error;
using llvm::Expected;
using llvm::formatv;
using llvm::StringRef;

//===-------------------------------- Budget ------------------------------===//

/// Registers of a multiprocessor of every architecture we build for, and how
/// many a warp takes at a time.
static constexpr int64_t kRegisters = 65536, kRegisterUnit = 8;

/// Threads of the kernel's block: those of its launch bounds in the text.
static int64_t threadsOf(StringRef text, StringRef kernel) {
  // DP_KERNEL(256)
  // kernel(
  for (size_t at = text.find("DP_KERNEL("); at != StringRef::npos;
       at = text.find("DP_KERNEL(", at + 1)) {
    StringRef rest = text.substr(at + StringRef("DP_KERNEL(").size());
    int64_t threads = 0;
    if (rest.consumeInteger(10, threads) || !rest.consume_front(")"))
      continue;
    rest = rest.ltrim();
    if (rest.consume_front(kernel) && rest.starts_with("("))
      return threads;
  }
  return 0;
}

/// The line of the log that holds a warning C75xx, or "".
static StringRef findWarning(StringRef log) {
  while (!log.empty()) {
    StringRef line;
    std::tie(line, log) = log.split('\n');
    if (line.contains("C75"))
      return line.trim();
  }
  return "";
}

Error mlir::mm1::cuda::checkResources(const CompiledProgram &program,
                                      StringRef text, StringRef arch) {
  for (const auto &entry : program.resources) {
    StringRef kernel = entry.first();
    const KernelResources &needs = entry.second;
    if (needs.spillBytes > 0)
      return llvm::createStringError(
          formatv("kernel '{0}' for {1} spills {2} bytes of registers; give "
                  "its schedule fewer rows or columns a thread (--schedule, "
                  "--tuning-file)",
                  kernel, arch, needs.spillBytes));
    int64_t threads = threadsOf(text, kernel);
    int64_t registers =
        threads * (int64_t(llvm::alignTo(needs.registers, kRegisterUnit)));
    if (registers > kRegisters)
      return llvm::createStringError(
          formatv("kernel '{0}' for {1} needs {2} registers for each of {3} "
                  "threads; a multiprocessor has {4}",
                  kernel, arch, needs.registers, threads, kRegisters));
  }
  StringRef warning = findWarning(program.log);
  if (!warning.empty())
    return llvm::createStringError(
        formatv("ptxas would make a slow kernel for {0}: {1}", arch, warning));
  return Error::success();
}

//===-------------------------------- Cache -------------------------------===//

namespace {

constexpr StringRef kMagic = "mm1c kernels 1\n";

/// A file of the cache: magic, hash of what follows, three sizes, three texts.
std::string writeEntry(const CompiledProgram &program) {
  std::string body = formatv("{0} {1} {2}\n", program.log.size(),
                             program.ptx.size(), program.cubin.size());
  body += program.log + program.ptx + program.cubin;
  auto hash = llvm::SHA256::hash(llvm::arrayRefFromStringRef(body));
  return (kMagic + llvm::toHex(hash) + "\n" + body).str();
}

std::optional<CompiledProgram> readEntry(StringRef bytes) {
  if (!bytes.consume_front(kMagic))
    return std::nullopt;
  StringRef hash, sizes;
  std::tie(hash, bytes) = bytes.split('\n');
  if (llvm::toHex(llvm::SHA256::hash(llvm::arrayRefFromStringRef(bytes))) !=
      hash)
    return std::nullopt;
  std::tie(sizes, bytes) = bytes.split('\n');
  size_t log = 0, ptx = 0, cubin = 0;
  if (sizes.consumeInteger(10, log) || !sizes.consume_front(" ") ||
      sizes.consumeInteger(10, ptx) || !sizes.consume_front(" ") ||
      sizes.consumeInteger(10, cubin) || log + ptx + cubin != bytes.size())
    return std::nullopt;
  CompiledProgram program;
  program.log = bytes.take_front(log).str();
  program.ptx = bytes.substr(log, ptx).str();
  program.cubin = bytes.substr(log + ptx).str();
  program.resources = parseResources(program.log);
  return program;
}

class Cache {
public:
  explicit Cache(std::string folder) : folder(std::move(folder)) {}

  std::optional<CompiledProgram> find(StringRef key) const {
    if (folder.empty())
      return std::nullopt;
    auto file = llvm::MemoryBuffer::getFile(path(key));
    if (!file)
      return std::nullopt;
    return readEntry((*file)->getBuffer());
  }

  /// Whole or absent. That nothing can be kept is no reason to fail.
  void keep(StringRef key, const CompiledProgram &program) const {
    if (folder.empty() || llvm::sys::fs::create_directories(folder))
      return;
    llvm::SmallString<128> partial;
    int file = -1;
    if (llvm::sys::fs::createUniqueFile(path(key) + ".%%%%%%", file, partial))
      return;
    llvm::raw_fd_ostream stream(file, /*shouldClose=*/true);
    stream << writeEntry(program);
    stream.close();
    bool isWritten = !stream.has_error();
    stream.clear_error();
    if (!isWritten || llvm::sys::fs::rename(partial, path(key)))
      llvm::sys::fs::remove(partial);
  }

private:
  std::string path(StringRef key) const {
    return (folder + "/" + key + ".kernels").str();
  }

  std::string folder;
};

/// Everything that the bytes of a build follow from.
std::string keyOf(StringRef text, StringRef arch, const Nvrtc &nvrtc) {
  llvm::SHA256 hash;
  auto add = [&](StringRef part) {
    hash.update(std::to_string(part.size()) + ":");
    hash.update(part);
  };
  add(nvrtc.version());
  add(arch);
  for (const char *option : Nvrtc::options())
    add(option);
  for (const KernelHeader &header : kernelHeaders()) {
    add(header.name);
    add(header.text);
  }
  add(text);
  return llvm::toHex(hash.final(), /*LowerCase=*/true);
}

} // namespace

std::string mlir::mm1::cuda::defaultCacheFolder() {
  llvm::SmallString<128> folder;
  if (!llvm::sys::path::cache_directory(folder))
    return "";
  llvm::sys::path::append(folder, "mm1c", "kernels");
  return std::string(folder);
}

//===-------------------------------- Build -------------------------------===//

static Expected<BuiltProgram> buildOne(const Program &program, StringRef arch,
                                       const Nvrtc &nvrtc, const Cache &cache) {
  std::string key = keyOf(program.text, arch, nvrtc);
  BuiltProgram built;
  if (std::optional<CompiledProgram> found = cache.find(key)) {
    built.program = std::move(*found);
    built.wasCached = true;
  } else {
    Expected<CompiledProgram> compiled = nvrtc.compile(program.text, arch);
    if (!compiled)
      return llvm::createStringError(program.name + ": " +
                                     llvm::toString(compiled.takeError()));
    built.program = std::move(*compiled);
    cache.keep(key, built.program);
  }
  return built;
}

Expected<std::vector<BuiltProgram>>
mlir::mm1::cuda::buildPrograms(llvm::ArrayRef<Program> programs, StringRef arch,
                               const Nvrtc &nvrtc,
                               const BuildOptions &options) {
  Cache cache(options.cacheFolder);
  std::vector<BuiltProgram> built(programs.size());
  std::mutex mutex;
  size_t done = 0;
  Error error =
      sideBySide(programs.size(), options.threads, [&](size_t i) -> Error {
        Expected<BuiltProgram> one = buildOne(programs[i], arch, nvrtc, cache);
        if (!one)
          return one.takeError();
        built[i] = std::move(*one);
        std::lock_guard<std::mutex> lock(mutex);
        ++done;
        if (options.onProgress)
          options.onProgress(done, programs.size());
        return Error::success();
      });
  if (error)
    return std::move(error);
  return built;
}
