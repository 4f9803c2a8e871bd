//===- RandomCheckpoint.cpp - A checkpoint of any config, from a seed -----===//
// Each number is a hash of (seed, tensor name, index), so any thread can make
// any block. The sum of the hash's four 16-bit parts is near enough to a normal
// distribution, and fast: 1.5 GB take about two seconds of two cores.
#include "compiler/Import/RandomCheckpoint.h"
#include "compiler/Import/TensorTable.h"
#include "runtime/Artifact/SafeTensors.h"
#include "runtime/Support/Json.h"
#include "runtime/Support/WriteFile.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <thread>
#include <unistd.h>

namespace mm1 {

namespace fs = std::filesystem;

namespace {

/// One step of SplitMix64 (Steele, Lea, Flood 2014): a bijection that scrambles
/// all bits.
uint64_t scramble(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

uint64_t hashName(uint64_t seed, std::string_view name) {
  uint64_t hash = scramble(seed);
  for (char c : name)
    hash = scramble(hash ^ static_cast<unsigned char>(c));
  return hash;
}

/// Mean 0, standard deviation 1, at most 3.47 from 0.
float noise(uint64_t stream, uint64_t index) {
  uint64_t bits = scramble(stream + index);
  int32_t sum = static_cast<int32_t>((bits & 0xffff) + (bits >> 16 & 0xffff) +
                                     (bits >> 32 & 0xffff) + (bits >> 48));
  return static_cast<float>(sum - 2 * 65535) * (1 / 37837.2f);
}

/// A tensor's values are `mean + spread * noise`.
struct Distribution {
  float mean, spread;
};

Distribution distributionOf(const ExpectedTensor &tensor) {
  switch (tensor.role) {
  case TensorRole::Embedding:
    return {0, 1};
  case TensorRole::FinalNorm:
  case TensorRole::InputNorm:
  case TensorRole::PostAttentionNorm:
  case TensorRole::LightningNorm:
    return {1, 0.1f};
  default: {
    // Of the order of one after a sum over the inputs; two where choices should
    // be clear.
    bool decides =
        tensor.role == TensorRole::Head || tensor.role == TensorRole::Router;
    return {0, (decides ? 2.0f : 1.0f) /
                   std::sqrt(static_cast<float>(tensor.shape.back()))};
  }
  }
}

constexpr uint64_t kBlockElements = 1 << 20;

/// One file and the tensors in it, wide types first so that each is aligned
/// without padding.
struct Shard {
  std::string fileName;
  std::vector<const ExpectedTensor *> tensors;
  std::optional<SafeTensorsWriter> writer;
};

struct Block {
  const Shard *shard;
  size_t tensor;
  uint64_t first, count;
};

/// Cuts the table into `count` runs of about the same number of bytes, none
/// empty.
std::vector<Shard> cut(const TensorTable &table, unsigned count) {
  uint64_t total = 0, done = 0;
  for (const ExpectedTensor &tensor : table.tensors())
    total += *tensorSizeBytes(tensor.type, tensor.shape);
  std::vector<Shard> shards(count);
  size_t left = table.tensors().size(), current = 0;
  for (const ExpectedTensor &tensor : table.tensors()) {
    bool full = done >= total / count * (current + 1) &&
                !shards[current].tensors.empty();
    bool mustMove =
        left == count - 1 - current && !shards[current].tensors.empty();
    if (current + 1 < count && (full || mustMove))
      ++current;
    shards[current].tensors.push_back(&tensor);
    done += *tensorSizeBytes(tensor.type, tensor.shape);
    --left;
  }
  for (size_t i = 0; i < count; ++i) {
    std::sort(shards[i].tensors.begin(), shards[i].tensors.end(),
              [](auto *a, auto *b) { // pointers into one array: table order
                return std::tuple(-int(sizeBytes(a->type)), a) <
                       std::tuple(-int(sizeBytes(b->type)), b);
              });
    char name[64];
    std::snprintf(name, sizeof name, "model-%05zu-of-%05u.safetensors", i + 1,
                  count);
    shards[i].fileName = count == 1 ? "model.safetensors" : name;
  }
  return shards;
}

Status writeBlock(const Block &block, uint64_t seed,
                  std::vector<std::byte> &buffer) {
  const ExpectedTensor &tensor = *block.shard->tensors[block.tensor];
  Distribution values = distributionOf(tensor);
  uint64_t stream = hashName(seed, tensor.name), width = sizeBytes(tensor.type);
  buffer.resize(block.count * width);
  if (tensor.type == ElementType::BF16) {
    uint16_t *out = reinterpret_cast<uint16_t *>(buffer.data());
    for (uint64_t i = 0; i < block.count; ++i)
      out[i] = floatToBf16(values.mean +
                           values.spread * noise(stream, block.first + i));
  } else {
    float *out = reinterpret_cast<float *>(buffer.data());
    for (uint64_t i = 0; i < block.count; ++i)
      out[i] = values.mean + values.spread * noise(stream, block.first + i);
  }
  return block.shard->writer->write(block.tensor, block.first * width, buffer);
}

Status writeBlocks(std::span<const Block> blocks, uint64_t totalBytes,
                   const RandomCheckpointOptions &options) {
  std::atomic<size_t> next = 0;
  std::mutex mutex; // guards status, doneBytes and progress
  Status status;
  uint64_t doneBytes = 0;
  auto work = [&] {
    std::vector<std::byte> buffer;
    for (size_t i; (i = next++) < blocks.size();) {
      Status written = writeBlock(blocks[i], options.seed, buffer);
      std::lock_guard lock(mutex);
      if (!written) {
        status = written.takeError();
        next = blocks.size();
        return;
      }
      doneBytes += buffer.size();
      if (options.progress)
        options.progress(doneBytes, totalBytes);
    }
  };
  std::vector<std::jthread> threads;
  for (unsigned t = 1; t < options.numThreads; ++t)
    threads.emplace_back(work);
  work();
  threads.clear();
  return status;
}

Status writeWeights(const ModelConfig &config, const std::string &folder,
                    const RandomCheckpointOptions &options) {
  TensorTable table(config, ExpertLayout::PerExpert);
  if (options.numShards < 1 || options.numShards > table.tensors().size())
    return inputError("cannot cut " + std::to_string(table.tensors().size()) +
                      " tensors into " + std::to_string(options.numShards) +
                      " files");
  std::vector<Shard> shards = cut(table, options.numShards);
  std::vector<Block> blocks;
  nlohmann::json index{{"metadata", {{"total_size", 0}}}};
  uint64_t totalBytes = 0;
  for (Shard &shard : shards) {
    std::vector<TensorDecl> decls;
    for (size_t t = 0; t < shard.tensors.size(); ++t) {
      const ExpectedTensor &tensor = *shard.tensors[t];
      decls.push_back({tensor.name, tensor.type, tensor.shape});
      index["weight_map"][tensor.name] = shard.fileName;
      uint64_t count =
          *tensorSizeBytes(tensor.type, tensor.shape) / sizeBytes(tensor.type);
      totalBytes += count * sizeBytes(tensor.type);
      for (uint64_t first = 0; first < count; first += kBlockElements)
        blocks.push_back(
            {&shard, t, first, std::min(kBlockElements, count - first)});
    }
    auto writer = SafeTensorsWriter::create(
        folder + "/" + shard.fileName, std::move(decls),
        {.alignment = 1, .metadata = {{"format", "pt"}}});
    if (!writer)
      return writer.takeError();
    shard.writer = std::move(*writer);
  }
  if (Status status = writeBlocks(blocks, totalBytes, options); !status)
    return status;
  for (Shard &shard : shards)
    if (Status status = shard.writer->finish(); !status)
      return status;
  if (options.numShards == 1)
    return Status::ok();
  index["metadata"]["total_size"] = totalBytes;
  return writeFile(folder + "/model.safetensors.index.json",
                   index.dump(1) + "\n");
}

} // namespace

Status writeRandomCheckpoint(const std::string &configPath,
                             const std::string &folder,
                             const RandomCheckpointOptions &options) {
  auto config = ModelConfig::load(configPath);
  if (!config)
    return config.takeError();
  auto configText = MappedFile::open(configPath);
  if (!configText)
    return configText.takeError();
  std::error_code code;
  if (fs::exists(folder, code))
    return inputError(folder + ": exists already; name a folder that does not");

  std::string temporary = folder + ".partial-" + std::to_string(::getpid());
  if (!fs::create_directories(temporary, code))
    return fileError(temporary, "cannot create", code ? code.value() : EEXIST);
  Status status = writeFile(temporary + "/config.json", configText->bytes());
  if (status)
    status = writeWeights(*config, temporary, options);
  if (status) {
    fs::rename(temporary, folder, code);
    if (code)
      status = fileError(folder, "cannot create", code.value());
  }
  if (!status)
    fs::remove_all(temporary, code);
  return status;
}

} // namespace mm1
