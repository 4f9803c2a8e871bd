//===- WeightPacker.cpp - From recipes to weights/rank-0.safetensors ------===//
// Threads take groups in the order of the file. What one thread does with a
// group is in GroupPacker.cpp.
//===----------------------------------------------------------------------===//
#include "compiler/Artifact/WeightPacker.h"
#include "compiler/Artifact/GroupPacker.h"
#include "runtime/Artifact/Manifest.h"
#include "runtime/Support/MappedFile.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <mutex>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace mm1 {

namespace {

uint64_t declaredBytes(const TensorDecl &tensor) {
  return tensorSizeBytes(tensor.type, tensor.shape).value_or(0);
}

/// Closes a descriptor at the end of its scope.
struct OpenFile {
  int fd;
  ~OpenFile() {
    if (fd >= 0)
      ::close(fd);
  }
};

/// The file to fill, and what is finished in it.
struct Target {
  SafeTensorsWriter writer;
  PackJournal journal;
};

/// Opens the file, going on from an earlier run when the journal has entries.
Expected<Target> openTarget(const PackWork &work, const std::string &path,
                            PackJournal journal) {
  SafeTensorsWriter::Options options;
  options.alignment = work.alignment;
  if (!journal.finished().empty()) {
    auto writer = SafeTensorsWriter::resume(path, work.tensors, options);
    if (writer)
      return Target{std::move(*writer), std::move(journal)};
    journal.restart();
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return fileError(path, "cannot replace", errno);
  auto writer = SafeTensorsWriter::create(path, work.tensors, options);
  if (!writer)
    return writer.takeError();
  return Target{std::move(*writer), std::move(journal)};
}

/// Tells the caller how far all threads are, a few times a second.
class ProgressMeter {
public:
  ProgressMeter(uint64_t totalBytes, const PackOptions &options)
      : total(totalBytes), callback(options.progress) {}

  void add(uint64_t bytes, bool isOld) {
    done += bytes;
    if (isOld)
      old += bytes;
    if (!callback)
      return;
    std::unique_lock<std::mutex> lock(mutex, std::try_to_lock);
    auto now = std::chrono::steady_clock::now();
    if (lock && now - lastTold > std::chrono::milliseconds(200))
      tell(now);
  }
  void finish() {
    if (callback)
      tell(std::chrono::steady_clock::now());
  }
  uint64_t resumedBytes() const { return old; }

private:
  void tell(std::chrono::steady_clock::time_point now) {
    lastTold = now;
    double seconds = std::chrono::duration<double>(now - start).count();
    double rate = seconds > 0 ? static_cast<double>(done - old) / seconds : 0;
    callback({done, total, rate,
              rate > 0 ? static_cast<double>(total - done) / rate : 0});
  }

  const uint64_t total;
  const std::function<void(const PackProgress &)> &callback;
  const std::chrono::steady_clock::time_point start =
      std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point lastTold{}; ///< the first is told
  std::mutex mutex;
  std::atomic<uint64_t> done = 0, old = 0;
};

/// Packs all groups with some threads; the first error ends all of them.
class Packer {
public:
  Packer(const PackWork &work, Target &target, const std::string &path,
         uint64_t pieceBytes, ProgressMeter &meter)
      : work(work), target(target), path(path), pieceBytes(pieceBytes),
        meter(meter), old(target.journal.finished()) {}

  Expected<std::map<std::string, std::string>> run(unsigned numThreads) {
    std::vector<std::thread> threads;
    for (unsigned i = 1; i < numThreads; ++i)
      threads.emplace_back([this] { workOn(); });
    workOn();
    for (std::thread &thread : threads)
      thread.join();
    if (!firstError)
      return firstError.takeError();
    return std::move(hashes);
  }

private:
  void workOn() {
    for (size_t index; (index = next++) < work.groups.size() && !stopped;)
      if (Status status = packGroup(work.groups[index]); !status) {
        std::lock_guard<std::mutex> lock(mutex);
        if (!stopped.exchange(true))
          firstError = std::move(status);
      }
  }

  Status packGroup(const PackGroup &group) {
    if (isFinished(group))
      return Status::ok();
    GroupPacker packer(work, group, target.writer, pieceBytes);
    auto made = packer.run([&](uint64_t bytes) {
      meter.add(bytes, /*isOld=*/false);
      return !stopped;
    });
    if (!made)
      return made.takeError();
    std::lock_guard<std::mutex> lock(mutex);
    for (size_t i = 0; i < made->size(); ++i) {
      const std::string &name = work.tensors[group.outputs[i].tensor].name;
      hashes[name] = (*made)[i];
      if (Status status = target.journal.add(name, (*made)[i]); !status)
        return status;
    }
    return Status::ok();
  }

  /// True when an earlier run finished all tensors of the group and their bytes
  /// are still what it wrote.
  bool isFinished(const PackGroup &group) {
    std::map<std::string, std::string> found;
    uint64_t bytes = 0;
    for (const PackOutput &output : group.outputs) {
      const TensorDecl &tensor = work.tensors[output.tensor];
      auto noted = old.find(tensor.name);
      if (noted == old.end() || hashOnDisk(output.tensor) != noted->second)
        return false;
      found.insert(*noted);
      bytes += declaredBytes(tensor);
    }
    std::lock_guard<std::mutex> lock(mutex);
    hashes.merge(found);
    meter.add(bytes, /*isOld=*/true);
    return true;
  }

  /// The hash of a tensor's bytes in the file, or "" when they cannot be read.
  std::string hashOnDisk(size_t tensor) const {
    OpenFile file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    uint64_t at = target.writer.offset(tensor),
             left = declaredBytes(work.tensors[tensor]);
    std::vector<char> buffer(size_t(1) << 20);
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    while (left != 0) {
      ssize_t got = ::pread(file.fd, buffer.data(),
                            std::min<uint64_t>(left, buffer.size()),
                            static_cast<off_t>(at));
      if (got <= 0 || stopped)
        return "";
      XXH3_64bits_update(&state, buffer.data(), got);
      at += got;
      left -= got;
    }
    return hexDigits(XXH3_64bits_digest(&state));
  }

  const PackWork &work;
  Target &target;
  const std::string &path;
  uint64_t pieceBytes;
  ProgressMeter &meter;
  const std::map<std::string, std::string> old; ///< finished by another run
  std::atomic<size_t> next = 0;
  std::atomic<bool> stopped = false;
  std::mutex mutex; ///< of what follows, and of the journal
  std::map<std::string, std::string> hashes;
  Status firstError;
};

} // namespace

uint64_t packedFileBytes(mlir::ModuleOp module) {
  // A header entry, the padding behind a tensor, and the entry of that.
  uint64_t alignment = packedAlignment(module), bytes = alignment;
  for (const TensorDecl &tensor : packedTensors(module))
    bytes += declaredBytes(tensor) + 2 * tensor.name.size() + 448 + alignment;
  return bytes;
}

Expected<PackedWeights> packWeights(mlir::ModuleOp module,
                                    const Checkpoint &checkpoint,
                                    const std::string &path,
                                    PackJournal journal,
                                    const PackOptions &options) {
  auto work = planPacking(module, checkpoint);
  if (!work)
    return work.takeError();
  uint64_t largest = 1, total = 0;
  for (const PackGroup &group : work->groups)
    largest = std::max(largest, GroupPacker::smallestPieceBytes(group));
  for (const TensorDecl &tensor : work->tensors)
    total += declaredBytes(tensor);
  uint64_t most = options.memoryBytes / largest;
  if (most == 0)
    return usageError("packing needs " + std::to_string(largest) +
                      " bytes of memory for the rows of one tile, but may use "
                      "only " +
                      std::to_string(options.memoryBytes) +
                      "; give it more with --memory");
  unsigned threads = options.threads
                         ? options.threads
                         : std::max(1u, std::thread::hardware_concurrency());
  threads = static_cast<unsigned>(std::min<uint64_t>(threads, most));

  auto target = openTarget(*work, path, std::move(journal));
  if (!target)
    return target.takeError();
  ProgressMeter meter(total, options);
  Packer packer(*work, *target, path, options.memoryBytes / threads, meter);
  auto hashes = packer.run(threads);
  if (!hashes)
    return hashes.takeError();
  PackedWeights packed{target->writer.fileSizeBytes(), std::move(*hashes),
                       meter.resumedBytes()};
  if (Status status = target->writer.finish(); !status)
    return status.takeError();
  meter.finish();
  return packed;
}

} // namespace mm1
