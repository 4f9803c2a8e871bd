//===- SafeTensorsTest.cpp - Hostile headers, and files we write ----------===//
#include "runtime/Artifact/SafeTensors.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <thread>

using namespace mm1;
namespace fs = std::filesystem;

/// Length, header and `dataBytes` zero bytes.
static std::string makeFile(std::string header, size_t dataBytes) {
  uint64_t length = header.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  return file + header + std::string(dataBytes, '\0');
}

static Expected<SafeTensorsFile> parse(std::string_view file) {
  return SafeTensorsFile::parse(std::as_bytes(std::span(file)), "f");
}

static std::string problem(std::string_view file) {
  auto parsed = parse(file);
  return parsed ? "parsed" : parsed.error().message;
}

static std::string problem(const std::string &header, size_t dataBytes) {
  return problem(makeFile(header, dataBytes));
}

TEST(SafeTensors, findsTensorsInTheOrderOfTheirBytes) {
  // 6 bytes of padding bring the data to a multiple of 8.
  std::string file = makeFile(
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]},)"
      R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
      R"("none":{"dtype":"I64","shape":[0,5],"data_offsets":[8,8]},)"
      R"("scalar":{"dtype":"U8","shape":[],"data_offsets":[20,21]}}      )",
      21);
  while ((file.size() - 21) % 8 != 0)
    file.insert(file.size() - 21, " "), ++file[0];
  auto parsed = parse(file);
  ASSERT_TRUE(parsed) << parsed.error().message;
  std::vector<std::string> names;
  for (const SafeTensor &tensor : parsed->tensors())
    names.push_back(tensor.name);
  EXPECT_EQ(names, (std::vector<std::string>{"a", "none", "b", "scalar"}));
  const SafeTensor *b = parsed->find("b");
  ASSERT_TRUE(b);
  EXPECT_EQ(b->type, ElementType::BF16);
  EXPECT_EQ(b->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(b->bytes.size(), 12u);
  EXPECT_EQ(b->offset, file.size() - 21 + 8);
  EXPECT_EQ(parsed->find("c"), nullptr);
  EXPECT_EQ(parsed->metadata().at("format"), "pt");
  EXPECT_EQ(parsed->unusedBytes(), 0u);
}

TEST(SafeTensors, refusesBrokenLengths) {
  EXPECT_EQ(problem(""), "f: is 0 bytes, too short for a safetensors file");
  EXPECT_EQ(problem("1234567"),
            "f: is 7 bytes, too short for a safetensors file");
  std::string past = makeFile("{}", 0);
  past[0] = 3;
  EXPECT_EQ(problem(past), "f: the header claims 3 bytes; the file has 2 after "
                           "its length, is it cut short?");
  EXPECT_EQ(problem(std::string(8, '\xff')),
            "f: the header claims 18446744073709551615 bytes; the file has 0 "
            "after its length, is it cut short?");
  EXPECT_EQ(problem("{}", 0), "parsed");
}

TEST(SafeTensors, refusesHeadersOfAnotherForm) {
  EXPECT_EQ(problem("", 0), "f: the header is not JSON, at byte 9");
  EXPECT_EQ(problem("{\"a\":", 0), "f: the header is not JSON, at byte 14");
  EXPECT_EQ(
      problem("[]", 0),
      "f: the header has a list; expected an object that names the tensors");
  EXPECT_EQ(problem("3", 0), "f: the header has the number 3; expected an "
                             "object that names the tensors");
  EXPECT_EQ(
      problem(std::string(100000, '['), 0),
      "f: the header has a list; expected an object that names the tensors");
  EXPECT_EQ(problem(R"({"a":[]})", 0),
            "f: tensor 'a' has a list; expected dtype, shape, data_offsets");
  EXPECT_EQ(problem(R"({"a":null})", 0),
            "f: tensor 'a' has null; expected dtype, shape, data_offsets");
  EXPECT_EQ(problem(R"({"__metadata__":"x"})", 0),
            "f: the header has the text 'x'; expected an object of texts under "
            "'__metadata__'");
  EXPECT_EQ(problem(R"({"__metadata__":{"x":1}})", 0),
            "f: '__metadata__' has the number 1; expected only texts");
  EXPECT_EQ(problem(R"({"__metadata__":{"x":{}}})", 0),
            "f: '__metadata__' has an object; expected only texts");
  EXPECT_EQ(problem(R"({"__metadata__":{},"__metadata__":{}})", 0),
            "f: the header has '__metadata__' twice; expected an object of "
            "texts under '__metadata__'");
}

TEST(SafeTensors, refusesLyingTensors) {
  auto one = [](std::string fields, size_t dataBytes) {
    return problem("{\"a\":{" + fields + "}}", dataBytes);
  };
  EXPECT_EQ(one(R"("dtype":"U8","shape":[4],"data_offsets":[0,4])", 4),
            "parsed");
  EXPECT_EQ(
      one(R"("dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4])", 4),
      "f: tensor 'a' has dtype 'F8_E4M3', which mm1c does not read at 'dtype'");
  EXPECT_EQ(one(R"("shape":[4],"data_offsets":[0,4])", 4),
            "f: tensor 'a' has no dtype");
  EXPECT_EQ(one(R"("dtype":"U8","data_offsets":[0,4])", 4),
            "f: tensor 'a' has no shape");
  EXPECT_EQ(one(R"("dtype":"U8","shape":[4])", 4),
            "f: tensor 'a' has 0 data_offsets; expected two");
  EXPECT_EQ(one(R"("dtype":"U8","shape":[4],"data_offsets":[0])", 4),
            "f: tensor 'a' has 1 data_offsets; expected two");
  EXPECT_EQ(one(R"("dtype":"U8","shape":[4],"data_offsets":[0,4,4])", 4),
            "f: tensor 'a' has more than two data_offsets at 'data_offsets'");
  EXPECT_EQ(one(R"("dtype":"U8","shape":[-4],"data_offsets":[0,4])", 4),
            "f: tensor 'a' has the number -4 at 'shape'");
  EXPECT_EQ(one(R"("dtype":"U8","shape":[4.0],"data_offsets":[0,4])", 4),
            "f: tensor 'a' has the number 4.0 at 'shape'");
  EXPECT_EQ(
      one(R"("dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,4])",
          4),
      "f: tensor 'a' has the dimension 18446744073709551615 at 'shape'");
  EXPECT_EQ(
      one(R"("dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1])",
          4),
      "f: tensor 'a' has more than 8 dimensions at 'shape'");
  EXPECT_EQ(
      one(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4])",
          4),
      "f: tensor 'a' is F32 [4294967296, 4294967296], which is more bytes than "
      "a number can hold");
  EXPECT_EQ(one(R"("dtype":"U8","shape":[5],"data_offsets":[0,5])", 4),
            "f: tensor 'a' has data_offsets [0, 5]; the file has 4 bytes of "
            "data, is it cut short?");
  EXPECT_EQ(one(R"("dtype":"U8","shape":[4],"data_offsets":[4,0])", 4),
            "f: tensor 'a' has data_offsets [4, 0]; the file has 4 bytes of "
            "data, is it cut short?");
  EXPECT_EQ(one(R"("dtype":"U8","shape":[3],"data_offsets":[0,4])", 4),
            "f: tensor 'a' is U8 [3] = 3 bytes; its data_offsets span 4");
  EXPECT_EQ(
      one(R"("dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4])", 4),
      "f: tensor 'a' has 'dtype' twice at 'dtype'");
  EXPECT_EQ(
      one(R"("dtype":"U8","shape":[4],"shape":[4],"data_offsets":[0,4])", 4),
      "f: tensor 'a' has a list at 'shape'");
  EXPECT_EQ(
      one(R"("dtype":"U8","shape":[4],"data_offsets":[0,4],"extra":1)", 4),
      "f: tensor 'a' has the field 'extra' at 'extra'");
  EXPECT_EQ(one(R"("dtype":"U8","shape":[[4]],"data_offsets":[0,4])", 4),
            "f: tensor 'a' has a list at 'shape'");
}

TEST(SafeTensors, refusesOverlapsRepeatsAndMisalignment) {
  const std::string u8 = R"({"dtype":"U8","shape":[4],"data_offsets":)";
  EXPECT_EQ(problem("{\"a\":" + u8 + "[0,4]},\"b\":" + u8 + "[3,7]}}", 8),
            "f: tensor 'b' overlaps tensor 'a'");
  EXPECT_EQ(problem("{\"a\":" + u8 + "[0,4]},\"a\":" + u8 + "[4,8]}}", 8),
            "f: tensor 'a' appears twice");
  EXPECT_EQ(problem("{\"a\":" + u8 + "[0,4]},\"b\":" + u8 + "[4,8]}}", 8),
            "parsed");
  std::string header =
      R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})"; // 54 bytes
  while (header.size() % 8)
    header += ' ';
  EXPECT_EQ(problem(header, 5), "f: tensor 'a' starts at byte 65, which is not "
                                "aligned for F32; write the file again "
                                "with a current safetensors");
}

TEST(SafeTensors, toleratesAndCountsHoles) {
  std::string file =
      makeFile(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}})", 9);
  auto parsed = parse(file);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->unusedBytes(), 7u);
}

static std::string readAll(const fs::path &path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(SafeTensors, everyTruncationIsRefused) {
  std::string file = readAll(MM1_TEST_DATA "/goldens/rope.safetensors");
  ASSERT_EQ(problem(file), "parsed");
  for (size_t size = 0; size < file.size(); ++size)
    ASSERT_NE(problem(std::string_view(file).substr(0, size)), "parsed")
        << size;
}

TEST(SafeTensors, everyFlippedHeaderBitIsSurvived) {
  std::string file = readAll(MM1_TEST_DATA "/goldens/rope.safetensors");
  size_t headerEnd = 8 + static_cast<unsigned char>(file[0]) +
                     256u * static_cast<unsigned char>(file[1]);
  for (size_t bit = 0; bit < headerEnd * 8; ++bit) {
    std::string flipped = file;
    flipped[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    auto parsed = parse(flipped);
    if (!parsed) {
      ASSERT_EQ(parsed.error().message.find('\n'), std::string::npos);
      continue;
    }
    for (const SafeTensor &tensor : parsed->tensors())
      ASSERT_LE(tensor.offset + tensor.bytes.size(), flipped.size());
  }
}

//===----------------------------------------------------------------------===//
// Writer
//===----------------------------------------------------------------------===//

class SafeTensorsWriterTest : public testing::Test {
protected:
  SafeTensorsWriterTest() {
    std::string pattern =
        (fs::temp_directory_path() / "mm1-tensors-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    path = (folder / "out.safetensors").string();
  }
  ~SafeTensorsWriterTest() override { fs::remove_all(folder); }

  std::vector<TensorDecl> decls{{"odd", ElementType::BF16, {3, 5}},
                                {"even", ElementType::F32, {32}},
                                {"empty", ElementType::I8, {0, 4}},
                                {"last \"quoted\"", ElementType::I8, {7}}};
  fs::path folder;
  std::string path;
};

TEST_F(SafeTensorsWriterTest, alignsEveryTensorAndLeavesNoHole) {
  auto writer = SafeTensorsWriter::create(
      path, decls, {.alignment = 64, .metadata = {{"format", "mm1"}}});
  ASSERT_TRUE(writer) << writer.error().message;
  // From several threads, in blocks.
  std::vector<std::jthread> threads;
  for (size_t t = 0; t < decls.size(); ++t)
    threads.emplace_back([&, t] {
      uint64_t size = *tensorSizeBytes(decls[t].type, decls[t].shape);
      for (uint64_t at = 0; at < size; ++at) {
        std::byte value{static_cast<unsigned char>(16 * t + at % 16)};
        EXPECT_TRUE(writer->write(t, at, {&value, 1}));
      }
    });
  threads.clear();
  ASSERT_TRUE(writer->finish());

  auto file = SafeTensorsFile::open(path);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->unusedBytes(), 0u);
  EXPECT_EQ(file->metadata().at("format"), "mm1");
  size_t padding = 0;
  for (const SafeTensor &tensor : file->tensors()) {
    padding += isPadding(tensor.name);
    if (!isPadding(tensor.name)) {
      EXPECT_EQ(tensor.offset % 64, 0u) << tensor.name;
    }
  }
  EXPECT_EQ(padding, 2u)
      << "behind 'odd' and the last one; 'even' has 128 bytes";
  for (size_t t = 0; t < decls.size(); ++t) {
    const SafeTensor *tensor = file->find(decls[t].name);
    ASSERT_TRUE(tensor);
    EXPECT_EQ(tensor->shape, decls[t].shape);
    for (size_t at = 0; at < tensor->bytes.size(); ++at)
      ASSERT_EQ(std::to_integer<size_t>(tensor->bytes[at]), 16 * t + at % 16);
  }
}

TEST_F(SafeTensorsWriterTest, packsTightlyWhenAsked) {
  std::vector<TensorDecl> tight{{"a", ElementType::F32, {3}},
                                {"b", ElementType::BF16, {5}}};
  auto writer =
      SafeTensorsWriter::create(path, tight, {.alignment = 1, .metadata = {}});
  ASSERT_TRUE(writer) << writer.error().message;
  ASSERT_TRUE(writer->finish());
  auto file = SafeTensorsFile::open(path);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->tensors().size(), 2u);
  EXPECT_EQ(file->unusedBytes(), 0u);

  std::swap(tight[0], tight[1]);
  auto refused = SafeTensorsWriter::create(path + "2", tight,
                                           {.alignment = 1, .metadata = {}});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("not aligned for F32"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(path + "2"));
}

TEST_F(SafeTensorsWriterTest, goesOnWhereItStopped) {
  const SafeTensorsWriter::Options options;
  std::byte value{42};
  {
    auto writer = SafeTensorsWriter::create(path, decls, options);
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->write(0, 3, {&value, 1}));
  } // not finished
  auto again = SafeTensorsWriter::resume(path, decls, options);
  ASSERT_TRUE(again) << again.error().message;
  ASSERT_TRUE(again->write(3, 6, {&value, 1}));
  ASSERT_TRUE(again->finish());
  auto file = SafeTensorsFile::open(path);
  EXPECT_EQ(file->find("odd")->bytes[3], value);
  EXPECT_EQ(file->find("last \"quoted\"")->bytes[6], value);

  std::vector<TensorDecl> other = decls;
  other[1].shape = {33};
  EXPECT_FALSE(SafeTensorsWriter::resume(path, other, options));
}

TEST_F(SafeTensorsWriterTest, refusesBadDeclarationsAndLeavesNoFile) {
  auto refuse = [&](std::vector<TensorDecl> tensors) {
    auto writer = SafeTensorsWriter::create(path, std::move(tensors));
    EXPECT_FALSE(writer);
    EXPECT_FALSE(fs::exists(path));
    return writer ? "" : writer.error().message;
  };
  EXPECT_EQ(refuse({{"a", ElementType::U8, {1}}, {"a", ElementType::U8, {1}}}),
            path + ": cannot write tensor 'a': the name appears twice");
  EXPECT_EQ(refuse({{"__pad.0", ElementType::U8, {1}}}),
            path + ": cannot write tensor '__pad.0': the name is reserved");
  EXPECT_EQ(refuse({{"a", ElementType::F32, {INT64_MAX, 2}}}),
            path + ": cannot write tensor 'a': [9223372036854775807, 2] is not "
                   "a possible shape");
  EXPECT_EQ(refuse({{"a", ElementType::F32, {-1}}}),
            path + ": cannot write tensor 'a': [-1] is not a possible shape");
}

TEST_F(SafeTensorsWriterTest, aDiskTooSmallIsKnownAtOnce) {
  // An exabyte: no disk of a test machine holds it, whichever way its file
  // system says so.
  auto writer = SafeTensorsWriter::create(
      path, {{"a", ElementType::U8, {int64_t(1) << 60}}});
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().kind, ErrorKind::Machine) << writer.error().message;
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(SafeTensorsWriterTest, neverOverwrites) {
  ASSERT_TRUE(SafeTensorsWriter::create(path, decls));
  auto second = SafeTensorsWriter::create(path, decls);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message,
            path + ": cannot create: it exists already");
  EXPECT_EQ(second.error().kind, ErrorKind::Input);
}
