//===- OutputFolder.cpp - A folder that appears whole or not at all -------===//
#include "compiler/Artifact/OutputFolder.h"
#include "runtime/Support/Json.h"
#include "runtime/Support/MappedFile.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace mm1 {

namespace fs = std::filesystem;

namespace {

/// The folder that `target` lies in.
std::string parentOf(const std::string &target) {
  fs::path parent = fs::path(target).parent_path();
  return parent.empty() ? "." : parent.string();
}

/// "m1.mm1/" means m1.mm1.
std::string withoutSlash(std::string path) {
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  return path;
}

bool isArtifact(const std::string &folder) {
  auto manifest = readJson(folder + "/manifest.json");
  return manifest && manifest->is_object() &&
         manifest->value("format", nlohmann::json()) == "mm1-artifact";
}

/// A new name becomes durable with its folder.
void syncFolder(const std::string &folder) {
  int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return;
  (void)::fsync(fd);
  ::close(fd);
}

} // namespace

std::string describeBytes(uint64_t bytes) {
  static constexpr const char *kUnits[] = {"bytes", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), unit ? "%.2f %s" : "%.0f %s", value,
                kUnits[unit]);
  return text;
}

Status OutputFolder::check(const std::string &path, bool replace) {
  std::string target = withoutSlash(path);
  if (target.empty())
    return usageError("the output needs a name");
  struct stat info;
  if (::lstat(target.c_str(), &info) == 0) {
    if (!replace)
      return inputError(target + ": exists already; choose another output, or "
                                 "replace it with --force");
    if (!S_ISDIR(info.st_mode) || !isArtifact(target))
      return inputError(target + ": exists and is not an artifact; --force "
                                 "only replaces artifacts");
  } else if (errno != ENOENT) {
    return fileError(target, "cannot create", errno);
  }
  std::string parent = parentOf(target);
  if (::stat(parent.c_str(), &info) != 0)
    return fileError(parent, "cannot create an artifact here", errno);
  if (!S_ISDIR(info.st_mode))
    return inputError(parent + ": is not a folder");
  if (::access(parent.c_str(), W_OK | X_OK) != 0)
    return fileError(parent, "cannot create an artifact here", errno);
  return Status::ok();
}

Expected<OutputFolder> OutputFolder::create(const std::string &path,
                                            const std::string &fingerprint,
                                            bool replace) {
  if (Status status = check(path, replace); !status)
    return status.takeError();
  std::string target = withoutSlash(path);
  std::string partial = target + ".partial-" + fingerprint;
  if (::mkdir(partial.c_str(), 0777) != 0 && errno != EEXIST)
    return fileError(partial, "cannot create", errno);
  return OutputFolder(std::move(target), std::move(partial), replace);
}

OutputFolder::OutputFolder(OutputFolder &&other) noexcept
    : target(std::move(other.target)), partial(std::move(other.partial)),
      replace(other.replace), owned(std::exchange(other.owned, false)) {}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  if (owned)
    fs::remove_all(partial, ignored);
}

void OutputFolder::abandon() {
  owned = false;
  ::rmdir(partial.c_str()); // fails unless it is empty
}

Status OutputFolder::checkSpace(uint64_t bytes,
                                const std::string &reusedFile) const {
  struct statvfs info;
  if (::statvfs(partial.c_str(), &info) != 0)
    return Status::ok(); // some file systems do not say: writing will
  struct stat file;
  std::string reused = partial + "/" + reusedFile;
  uint64_t there =
      ::stat(reused.c_str(), &file) == 0 ? uint64_t(file.st_blocks) * 512 : 0;
  uint64_t needed = bytes - std::min(bytes, there);
  uint64_t free = uint64_t(info.f_bavail) * info.f_frsize;
  if (needed <= free)
    return Status::ok();
  return machineError(target + ": needs " + describeBytes(needed) +
                      " on the disk, but " + parentOf(target) + " has " +
                      describeBytes(free) +
                      " free; make room, or choose another output");
}

Status OutputFolder::publish() {
  syncFolder(partial);
  // Another process may have made the target meanwhile: rename() replaces only
  // an empty folder.
  if (Status status = check(target, replace); !status)
    return status;
  if (::access(target.c_str(), F_OK) == 0) {
    // Exchange, so that at no time there is no artifact.
    if (::renameat2(AT_FDCWD, partial.c_str(), AT_FDCWD, target.c_str(),
                    RENAME_EXCHANGE) == 0) {
      syncFolder(parentOf(target));
      return Status::ok(); // the destructor removes the old one
    }
    std::error_code code;
    fs::remove_all(target, code);
    if (code)
      return machineError(target + ": cannot replace: " + code.message());
  }
  if (::rename(partial.c_str(), target.c_str()) != 0)
    return fileError(target, "cannot create", errno);
  owned = false;
  syncFolder(parentOf(target));
  return Status::ok();
}

} // namespace mm1
