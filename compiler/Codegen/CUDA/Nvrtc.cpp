//===- Nvrtc.cpp - NVIDIA's compiler for CUDA C++, where it is installed -===//
// The functions are declared here as the library's C interface documents them
// (CUDA Toolkit, "NVRTC"); none of its headers is needed to build.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CUDA/Nvrtc.h"
#include "compiler/Codegen/CUDA/KernelHeaders.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"

#include <dlfcn.h>
#include <vector>

using namespace mlir::mm1::cuda;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;

namespace {

// nvrtcResult: 0 is success. nvrtcProgram: an opaque pointer.
using Result = int;
using Program = struct OpaqueProgram *;

} // namespace

struct Nvrtc::Library {
  void *handle =
      nullptr; // never closed: unloading NVRTC loses 72 kB that it allocated while loading
  Result (*version)(int *, int *) = nullptr;
  const char *(*errorString)(Result) = nullptr;
  Result (*createProgram)(Program *, const char *, const char *, int,
                          const char *const *, const char *const *) = nullptr;
  Result (*destroyProgram)(Program *) = nullptr;
  Result (*compileProgram)(Program, int, const char *const *) = nullptr;
  Result (*logSize)(Program, size_t *) = nullptr;
  Result (*log)(Program, char *) = nullptr;
  Result (*cubinSize)(Program, size_t *) = nullptr;
  Result (*cubin)(Program, char *) = nullptr;
  Result (*ptxSize)(Program, size_t *) = nullptr;
  Result (*ptx)(Program, char *) = nullptr;

  template <typename Function> bool find(Function &function, const char *name) {
    function = reinterpret_cast<Function>(dlsym(handle, name));
    return function != nullptr;
  }
  bool findAll() {
    return find(version, "nvrtcVersion") &&
           find(errorString, "nvrtcGetErrorString") &&
           find(createProgram, "nvrtcCreateProgram") &&
           find(destroyProgram, "nvrtcDestroyProgram") &&
           find(compileProgram, "nvrtcCompileProgram") &&
           find(logSize, "nvrtcGetProgramLogSize") &&
           find(log, "nvrtcGetProgramLog") &&
           find(cubinSize, "nvrtcGetCUBINSize") &&
           find(cubin, "nvrtcGetCUBIN") && find(ptxSize, "nvrtcGetPTXSize") &&
           find(ptx, "nvrtcGetPTX");
  }
};

Expected<Nvrtc> Nvrtc::load(StringRef path) {
  auto library = std::make_shared<Library>();
  std::vector<std::string> places =
      path.empty() ? findNvrtc() : std::vector<std::string>{path.str()};
  std::string firstError;
  for (const std::string &place : places) {
    library->handle = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library->handle) {
      if (firstError.empty())
        firstError = dlerror();
      continue;
    }
    if (library->findAll())
      return Nvrtc(std::move(library), place);
    return llvm::createStringError(
        place + ": lacks functions of NVRTC 12 or 13; install another version");
  }
  if (!path.empty())
    return llvm::createStringError(
        "--nvrtc: cannot open " + path + ": " + firstError +
        "; it names the library's file, libnvrtc.so.13");
  return llvm::createStringError(
      "cannot open NVRTC, NVIDIA's compiler for kernels, tried " +
      llvm::join(places, ", ") +
      "; install the CUDA toolkit, or run examples/install-dependencies.sh "
      "--cuda, or name the file with --nvrtc");
}

llvm::ArrayRef<const char *> Nvrtc::options() {
  static const char *const all[] = {"--std=c++20", "--fmad=false",
                                    "--device-as-default-execution-space",
                                    "--ptxas-options=-v"};
  return all;
}

std::string Nvrtc::version() const {
  int major = 0, minor = 0;
  library->version(&major, &minor);
  return std::to_string(major) + "." + std::to_string(minor);
}

Expected<CompiledProgram> Nvrtc::compile(StringRef program,
                                         StringRef arch) const {
  std::string text = program.str();
  std::vector<const char *> texts, names;
  for (const KernelHeader &header : kernelHeaders()) {
    texts.push_back(header.text);
    names.push_back(header.name);
  }
  Program handle = nullptr;
  // The name is part of the bytes: always the same one.
  Result result =
      library->createProgram(&handle, text.c_str(), "mm1.cu", int(texts.size()),
                             texts.data(), names.data());
  if (result)
    return llvm::createStringError(StringRef("nvrtcCreateProgram: ") +
                                   library->errorString(result));
  llvm::scope_exit destroy([&] { library->destroyProgram(&handle); });

  std::string architecture = ("--gpu-architecture=" + arch).str();
  std::vector<const char *> all = {architecture.c_str()};
  llvm::append_range(all, options());
  result = library->compileProgram(handle, int(all.size()), all.data());

  CompiledProgram compiled;
  size_t size = 0;
  if (library->logSize(handle, &size) == 0 && size > 1) {
    compiled.log.resize(size);
    library->log(handle, compiled.log.data());
    compiled.log.resize(compiled.log.find('\0')); // it ends with zeros
  }
  if (result)
    return llvm::createStringError(
        "NVRTC " + version() + " refuses the program for " + arch + ": " +
        library->errorString(result) + "\n" + compiled.log);
  if (library->cubinSize(handle, &size) != 0 || size == 0)
    return llvm::createStringError("NVRTC " + version() +
                                   " made no cubin for " + arch);
  compiled.cubin.resize(size);
  if (library->cubin(handle, compiled.cubin.data()) != 0)
    return llvm::createStringError("NVRTC " + version() +
                                   " does not give its cubin for " + arch);
  if (library->ptxSize(handle, &size) != 0 || size == 0)
    return llvm::createStringError("NVRTC " + version() + " made no PTX for " +
                                   arch);
  compiled.ptx.resize(size);
  library->ptx(handle, compiled.ptx.data());
  compiled.ptx.resize(compiled.ptx.find('\0')); // it ends with one
  compiled.resources = parseResources(compiled.log);
  return compiled;
}

/// The number in front of `what`: 12 in "..., 12 bytes spill stores, ...".
static int64_t numberBefore(StringRef line, StringRef what) {
  size_t end = line.find(what);
  if (end == StringRef::npos)
    return 0;
  StringRef before = line.take_front(end).rtrim();
  size_t begin = before.find_last_not_of("0123456789");
  int64_t number = 0;
  before.substr(begin == StringRef::npos ? 0 : begin + 1)
      .getAsInteger(10, number);
  return number;
}

llvm::StringMap<KernelResources>
mlir::mm1::cuda::parseResources(StringRef log) {
  // ptxas info    : Compiling entry function 'silu_0' for 'sm_80'
  // ptxas info    : Function properties for silu_0
  //     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
  // ptxas info    : Used 18 registers, used 0 barriers, 376 bytes cmem[0]
  llvm::StringMap<KernelResources> resources;
  KernelResources *current = nullptr;
  while (!log.empty()) {
    StringRef line;
    std::tie(line, log) = log.split('\n');
    if (size_t at = line.find("Compiling entry function '");
        at != StringRef::npos)
      current =
          &resources[line.substr(at).split('\'').second.split('\'').first];
    if (!current)
      continue;
    if (line.contains("bytes stack frame")) {
      current->stackBytes += numberBefore(line, "bytes stack frame");
      current->spillBytes += numberBefore(line, "bytes spill stores") +
                             numberBefore(line, "bytes spill loads");
    }
    if (line.contains("Used ") && line.contains("registers")) {
      current->registers = numberBefore(line, "registers");
      current->sharedBytes = numberBefore(line, "bytes smem");
    }
  }
  return resources;
}
