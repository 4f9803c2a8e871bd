//===- PackJournal.cpp - Which tensors of a killed run are finished -------===//
#include "compiler/Artifact/PackJournal.h"
#include "runtime/Support/MappedFile.h"
#include "runtime/Support/WriteFile.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace mm1 {

static constexpr std::string_view kMagic = "mm1-pack-journal ";
static constexpr size_t kHashDigits = 16;

/// All of the file `fd`; an unreadable end counts as missing.
static std::string readAll(int fd) {
  std::string text;
  char buffer[4096];
  ssize_t got;
  while ((got = ::pread(fd, buffer, sizeof(buffer), text.size())) > 0)
    text.append(buffer, got);
  return text;
}

Expected<PackJournal> PackJournal::open(const std::string &path,
                                        const std::string &key) {
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0)
    return fileError(path, "cannot create", errno);
  PackJournal journal(path, key, fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0)
    return errno == EWOULDBLOCK
               ? machineError(path + ": another mm1c is writing this artifact; "
                                     "wait for it, or choose another output")
               : fileError(path, "cannot lock", errno);
  std::string text = readAll(fd);
  std::string header = std::string(kMagic) + key + "\n";
  if (!text.starts_with(header))
    return journal;
  size_t at = header.size();
  for (size_t end; (end = text.find('\n', at)) != text.npos; at = end + 1) {
    std::string_view line = std::string_view(text).substr(at, end - at);
    if (line.size() > kHashDigits + 1 && line[kHashDigits] == ' ')
      journal.entries[std::string(line.substr(kHashDigits + 1))] =
          line.substr(0, kHashDigits);
  }
  journal.sizeBytes = at; // the next line overwrites one that was cut
  return journal;
}

PackJournal::PackJournal(PackJournal &&other) noexcept
    : path(std::move(other.path)), key(std::move(other.key)),
      fd(std::exchange(other.fd, -1)), sizeBytes(other.sizeBytes),
      entries(std::move(other.entries)) {}

PackJournal::~PackJournal() {
  if (fd >= 0)
    ::close(fd);
}

void PackJournal::restart() {
  entries.clear();
  sizeBytes = 0;
}

Status PackJournal::add(std::string_view name, std::string_view hash) {
  if (sizeBytes == 0)
    if (Status status = append(std::string(kMagic) + key + "\n"); !status)
      return status;
  entries[std::string(name)] = hash;
  return append(std::string(hash) + " " + std::string(name) + "\n");
}

Status PackJournal::append(const std::string &line) {
  Status status = writeAt(fd, sizeBytes, std::as_bytes(std::span(line)), path);
  sizeBytes += line.size();
  // What a longer text left behind would otherwise be read as entries.
  if (status && ::ftruncate(fd, static_cast<off_t>(sizeBytes)) != 0)
    status = fileError(path, "cannot write", errno);
  return status;
}

} // namespace mm1
