//===- Golden.cpp - The prompts an artifact tests itself with -----------------===//
#include "compiler/tools/Golden.h"

#include "runtime/Artifact/SafeTensors.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace mm1 {

std::vector<int32_t> goldenPrompt(int64_t count, int64_t vocabSize) {
  std::vector<int32_t> ids;
  uint64_t state = 1;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 6364136223846793005u +
            1442695040888963407u; // Knuth's MMIX generator
    ids.push_back(
        static_cast<int32_t>((state >> 33) % static_cast<uint64_t>(vocabSize)));
  }
  return ids;
}

double selfTestTolerance(const std::string &compute) {
  return compute == "f32" ? 1e-3 : 0.5;
}

Expected<std::string> goldenFile(std::span<const int32_t> ids,
                                 std::span<const double> logits) {
  std::string path = (std::filesystem::temp_directory_path() /
                      ("mm1c-golden-" + std::to_string(::getpid())))
                         .string();
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  int64_t tokens = static_cast<int64_t>(ids.size());
  int64_t vocab = static_cast<int64_t>(logits.size()) / tokens;
  auto writer = SafeTensorsWriter::create(
      path, {{"prompt.0.ids", ElementType::I32, {tokens}},
             {"prompt.0.logits", ElementType::F64, {tokens, vocab}}});
  if (!writer)
    return writer.takeError();
  Status status = writer->write(0, 0, std::as_bytes(ids));
  if (status)
    status = writer->write(1, 0, std::as_bytes(logits));
  if (status)
    status = writer->finish();
  std::ostringstream bytes;
  if (status)
    bytes << std::ifstream(path, std::ios::binary).rdbuf();
  std::filesystem::remove(path, ignored);
  if (!status)
    return status.takeError();
  return bytes.str();
}

} // namespace mm1
