//===- HostBuild.cpp - See HostBuild.h ------------------------------------===//
#include "kernels/emulation/driver/HostBuild.h"
#include "kernels/emulation/driver/Control.h"
#include "kernels/emulation/driver/Cubin.h"
#include "kernels/emulation/driver/Machine.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <elf.h>
#include <map>
#include <sys/mman.h>
#include <unistd.h>

namespace mm1::emulated {

using emulation::ModuleFile;

namespace {

/// By content. Modules stay loaded: kernels of them may be known or in flight.
struct HostBuilds {
  std::deque<ModuleFile> modules;
  std::map<std::string, const ModuleFile *> byImage;
};
HostBuilds &hostBuilds() {
  static HostBuilds builds;
  return builds;
}

std::string contentOf(std::span<const std::byte> image) {
  return {reinterpret_cast<const char *>(image.data()), image.size()};
}

/// As many of `bytes` at `from` as can be read. The kernel looks for us: a
/// write to a file stops before memory that is not there.
std::vector<std::byte> readWhatIsThere(const void *from, size_t bytes) {
  std::vector<std::byte> copy;
  int file = ::memfd_create("cubin", MFD_CLOEXEC);
  if (file < 0)
    return copy;
  size_t done = 0;
  while (done < bytes) {
    ssize_t n = ::write(file, static_cast<const std::byte *>(from) + done,
                        bytes - done);
    if (n <= 0)
      break;
    done += static_cast<size_t>(n);
  }
  copy.resize(done);
  size_t read = 0;
  while (read < done) {
    ssize_t n = ::pread(file, copy.data() + read, done - read, off_t(read));
    if (n <= 0)
      break;
    read += static_cast<size_t>(n);
  }
  copy.resize(read);
  ::close(file);
  return copy;
}

/// Empty, or how the cubin and the host module differ.
std::string difference(const Cubin &cubin, const ModuleFile &module) {
  for (const emulation::Kernel &kernel : module)
    if (!cubin.kernels.contains(kernel.name))
      return "the cubin has no kernel '" + std::string(kernel.name) + "'";
  for (const auto &[name, info] : cubin.kernels) {
    const emulation::Kernel *kernel = module.find(name);
    if (!kernel)
      return "the host module has no kernel '" + name + "'";
    std::string of = "of '" + name + "' the cubin has ";
    if (size_t(kernel->numParameters) != info.parameters.size())
      return of + std::to_string(info.parameters.size()) +
             " parameters, the host module " +
             std::to_string(kernel->numParameters);
    for (size_t i = 0; i < info.parameters.size(); ++i)
      if (uint32_t(kernel->parameterBytes[i]) != info.parameters[i].size)
        return of + std::to_string(info.parameters[i].size) +
               " bytes for parameter " + std::to_string(i) +
               ", the host module " + std::to_string(kernel->parameterBytes[i]);
    if (uint32_t(kernel->threads) != info.maxThreads)
      return of + std::to_string(info.maxThreads) +
             " threads in a block, the host module " +
             std::to_string(kernel->threads);
  }
  return {};
}

/// Empty, or why not.
std::string addModule(std::span<const std::byte> image,
                      const std::string &path) {
  auto cubin = readCubin(image);
  if (!cubin)
    return cubin.error().message;
  auto module = ModuleFile::open(path);
  if (!module)
    return module.error().message;
  if (std::string differs = difference(*cubin, *module); !differs.empty())
    return "is the host module of another text: " + differs;
  Machine &m = machine();
  m.addedArchitecture = std::max(m.addedArchitecture, cubin->architecture);
  hostBuilds().modules.push_back(std::move(*module));
  hostBuilds().byImage[contentOf(image)] = &hostBuilds().modules.back();
  return {};
}

} // namespace

bool hasCheckedHostBuild() {
  for (const auto &[image, module] : hostBuilds().byImage)
    for (const emulation::Kernel &kernel : *module)
      if (kernel.isChecked)
        return true;
  return false;
}

std::vector<std::byte> readImage(const void *code) {
  std::vector<std::byte> head = readWhatIsThere(code, sizeof(Elf64_Ehdr));
  Elf64_Ehdr header;
  if (head.size() < sizeof header)
    return head;
  std::memcpy(&header, head.data(), sizeof header);
  // The section headers say how far the file reaches.
  constexpr uint64_t kMaxBytes = uint64_t(1) << 30;
  uint64_t end = header.e_shoff + header.e_shnum * sizeof(Elf64_Shdr);
  if (header.e_shoff > kMaxBytes)
    return head;
  std::vector<std::byte> image = readWhatIsThere(code, end);
  uint64_t bytes = cubinBytes(image);
  if (bytes <= image.size()) {
    image.resize(bytes == 0 ? image.size() : bytes);
    return image;
  }
  return readWhatIsThere(code, bytes);
}

const ModuleFile *hostBuildOf(std::span<const std::byte> image) {
  auto it = hostBuilds().byImage.find(contentOf(image));
  return it == hostBuilds().byImage.end() ? nullptr : it->second;
}

} // namespace mm1::emulated

MM1_EXPORT const char *mm1_emulated_add_module(const void *image, size_t bytes,
                                               const char *path) {
  using namespace mm1::emulated;
  std::unique_lock lock(machineLock());
  static std::string problem;
  problem = addModule({static_cast<const std::byte *>(image), bytes}, path);
  if (hasCheckedHostBuild())
    machine().startChecking();
  return problem.empty() ? nullptr : problem.c_str();
}
