//===- FindNvrtc.cpp - Where NVRTC may be installed -----------------------===//
// A toolkit puts the library on the loader's path or under /usr/local; a wheel
// of PyPI puts it into its own folder of site-packages,
//
//   site-packages/nvidia/cu13/lib/libnvrtc.so.13          CUDA 13
//   site-packages/nvidia/cuda_nvrtc/lib/libnvrtc.so.12    CUDA 12
//
// and its libnvrtc-builtins beside it, where it looks for them.
//===----------------------------------------------------------------------===//
#include "compiler/Codegen/CUDA/Nvrtc.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <algorithm>

using namespace mlir::mm1::cuda;
using llvm::StringRef;

static constexpr StringRef kLibraries[] = {"libnvrtc.so.13", "libnvrtc.so.12"};

/// Folders in `parent` whose names start with `prefix`, later versions first.
static std::vector<std::string> foldersIn(const llvm::Twine &parent,
                                          StringRef prefix) {
  std::vector<std::string> found;
  std::error_code code;
  for (llvm::sys::fs::directory_iterator at(parent, code), end;
       !code && at != end; at.increment(code))
    if (llvm::sys::path::filename(at->path()).starts_with(prefix))
      found.push_back(at->path());
  std::sort(found.rbegin(), found.rend());
  return found;
}

std::vector<std::string> mlir::mm1::cuda::findNvrtc() {
  std::vector<std::string> folders;
  for (const std::string &toolkit : foldersIn("/usr/local", "cuda"))
    folders.push_back(toolkit + "/lib64");
  llvm::SmallString<128> home;
  std::vector<std::string> packages;
  if (llvm::sys::path::home_directory(home)) {
    packages.push_back((home + "/.local/share/mm1c/python").str());
    for (const std::string &python : foldersIn(home + "/.local/lib", "python"))
      packages.push_back(python + "/site-packages");
  }
  for (StringRef lib : {"/usr/local/lib", "/usr/lib"})
    for (const std::string &python : foldersIn(lib, "python"))
      packages.push_back(python + "/dist-packages");
  for (const std::string &package : packages)
    for (StringRef part : {"/nvidia/cu13/lib", "/nvidia/cuda_nvrtc/lib"})
      folders.push_back(package + part.str());

  std::vector<std::string> files(std::begin(kLibraries), std::end(kLibraries));
  for (const std::string &folder : folders)
    for (StringRef library : kLibraries)
      if (std::string file = folder + "/" + library.str();
          llvm::sys::fs::exists(file))
        files.push_back(file);
  return files;
}
