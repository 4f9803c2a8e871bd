//===- BuildHostModule.cpp - A GPU's program built for the processor ------===//
#include "compiler/Codegen/CUDA/BuildHostModule.h"
#include "compiler/Codegen/CUDA/KernelHeaders.h"
#include "compiler/Codegen/CUDA/SideBySide.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir::mm1::cuda;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;
namespace fs = llvm::sys::fs;

static Error writeFile(const std::string &path, StringRef text) {
  std::error_code code =
      fs::create_directories(llvm::sys::path::parent_path(path));
  if (!code) {
    llvm::raw_fd_ostream file(path, code);
    if (!code) {
      file << text;
      file.close();
      code = file.error();
      file.clear_error();
    }
  }
  if (code)
    return llvm::createStringError(path + ": cannot write: " + code.message());
  return Error::success();
}

static Expected<std::string> findCompiler(const std::string &asked) {
  std::vector<std::string> names = {"c++", "g++", "clang++", "clang++-22"};
  if (!asked.empty())
    names = {asked};
  for (const std::string &name : names)
    if (auto path = llvm::sys::findProgramByName(name))
      return *path;
  return llvm::createStringError(
      "an emulated target needs a C++ compiler to build kernels for the "
      "processor, tried " +
      llvm::join(names, ", ") +
      "; install g++, or name one with "
      "--host-compiler");
}

/// Runs the compiler on one file; its messages are the error's text.
static Error compile(const std::string &compiler, const std::string &folder,
                     const Program &program, bool isInstrumented) {
  std::string source = folder + "/" + program.name + ".cpp",
              library = folder + "/" + program.name + ".so",
              messages = folder + "/" + program.name + ".log";
  if (Error error = writeFile(source, program.text))
    return error;
  std::vector<StringRef> arguments = {
      compiler,          "-std=c++20", "-O2",  "-march=x86-64-v3",
      "-fPIC",           "-shared",    "-w",   "-ffp-contract=off",
      "-fno-exceptions", "-I",         folder, "-o",
      library,           source};
  // The hooks are ours: the library that belongs to them is not linked.
  if (isInstrumented)
    arguments.insert(arguments.begin() + 1, {"-fsanitize=thread", "-nostdlib"});
  std::optional<StringRef> redirects[] = {std::nullopt, StringRef(messages),
                                          StringRef(messages)};
  std::string failure;
  int result = llvm::sys::ExecuteAndWait(compiler, arguments, std::nullopt,
                                         redirects, 0, 0, &failure);
  if (result == 0)
    return Error::success();
  if (auto file = llvm::MemoryBuffer::getFile(messages);
      failure.empty() && file)
    failure = (*file)->getBuffer().take_front(4000).str();
  return llvm::createStringError(program.name + ": " + compiler +
                                 " refuses the program: " + failure);
}

Expected<std::vector<std::string>>
mlir::mm1::cuda::buildHostModules(llvm::ArrayRef<Program> programs,
                                  const HostBuildOptions &options) {
  Expected<std::string> compiler = findCompiler(options.compiler);
  if (!compiler)
    return compiler.takeError();
  llvm::SmallString<128> made;
  if (std::error_code code = fs::createUniqueDirectory("mm1c-host", made))
    return llvm::createStringError("cannot create a temporary folder: " +
                                   code.message());
  std::string folder(made);
  llvm::scope_exit remove([&] { (void)fs::remove_directories(folder); });
  for (const KernelHeader &header : kernelHeaders())
    if (Error error = writeFile(folder + "/" + header.name, header.text))
      return std::move(error);
  std::vector<std::string> libraries(programs.size());
  Error error =
      sideBySide(programs.size(), options.threads, [&](size_t i) -> Error {
        if (Error error =
                compile(*compiler, folder, programs[i], options.isInstrumented))
          return error;
        std::string path = folder + "/" + programs[i].name + ".so";
        auto file = llvm::MemoryBuffer::getFile(path);
        if (!file)
          return llvm::createStringError(
              path + ": cannot read: " + file.getError().message());
        libraries[i] = (*file)->getBuffer().str();
        return Error::success();
      });
  if (error)
    return std::move(error);
  return libraries;
}
