//===- WriteFile.cpp - Write a small file so that it is whole or absent ---===//
#include "runtime/Support/WriteFile.h"
#include "runtime/Support/MappedFile.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mm1 {

Status writeAt(int fd, uint64_t offset, std::span<const std::byte> bytes,
               const std::string &path) {
  while (!bytes.empty()) {
    ssize_t written =
        ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0) {
      if (errno == EINTR)
        continue;
      return fileError(path, "cannot write", errno);
    }
    offset += static_cast<uint64_t>(written);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return Status::ok();
}

Status writeFile(const std::string &path, std::span<const std::byte> bytes) {
  std::string temporary = path + ".XXXXXX";
  int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0)
    return fileError(path, "cannot create", errno);
  Status status = writeAt(fd, 0, bytes, path);
  // mkostemp makes the file private; give it the mode an ordinary new file
  // would have.
  mode_t mask = ::umask(0);
  ::umask(mask);
  if (status && (::fchmod(fd, 0666 & ~mask) != 0 || ::fsync(fd) != 0))
    status = fileError(path, "cannot write", errno);
  if (::close(fd) != 0 && status)
    status = fileError(path, "cannot write", errno);
  if (status && std::rename(temporary.c_str(), path.c_str()) != 0)
    status = fileError(path, "cannot create", errno);
  if (!status)
    ::unlink(temporary.c_str());
  return status;
}

Status writeFile(const std::string &path, std::string_view text) {
  return writeFile(path, std::as_bytes(std::span(text)));
}

} // namespace mm1
