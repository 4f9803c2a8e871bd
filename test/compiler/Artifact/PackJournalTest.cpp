//===- PackJournalTest.cpp - What survives a killed run -------------------===//
#include "PackedModel.h"

using namespace mm1;

namespace {

using Entries = std::map<std::string, std::string>;
const std::string kHashA = "00112233445566aa", kHashB = "00112233445566bb";

TEST(PackJournal, KeepsEntriesForItsKey) {
  TemporaryFolder folder;
  {
    auto journal = PackJournal::open(folder / "j", "key");
    ASSERT_TRUE(journal);
    EXPECT_TRUE(journal->finished().empty());
    EXPECT_TRUE(journal->add("layers.0.qkv", kHashA));
    EXPECT_TRUE(journal->add("layers.0.out proj", kHashB));
  }
  auto again = PackJournal::open(folder / "j", "key");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->finished(),
            (Entries{{"layers.0.qkv", kHashA}, {"layers.0.out proj", kHashB}}));
}

TEST(PackJournal, ForgetsEntriesOfAnotherKey) {
  TemporaryFolder folder;
  {
    auto journal = PackJournal::open(folder / "j", "key");
    ASSERT_TRUE(journal);
    EXPECT_TRUE(journal->add("a", kHashA));
  }
  auto other = PackJournal::open(folder / "j", "key2");
  ASSERT_TRUE(other);
  EXPECT_TRUE(other->finished().empty());
}

TEST(PackJournal, DoesNotBelieveACutLine) {
  TemporaryFolder folder;
  std::ofstream(folder / "j")
      << "mm1-pack-journal key\n" + kHashA + " a\n" + kHashB + " longname";
  {
    auto journal = PackJournal::open(folder / "j", "key");
    ASSERT_TRUE(journal);
    EXPECT_EQ(journal->finished(), (Entries{{"a", kHashA}}));
    EXPECT_TRUE(journal->add("b", kHashB));
  }
  EXPECT_EQ(readText(folder / "j"),
            "mm1-pack-journal key\n" + kHashA + " a\n" + kHashB + " b\n");
}

TEST(PackJournal, OneAtATime) {
  TemporaryFolder folder;
  auto journal = PackJournal::open(folder / "j", "key");
  ASSERT_TRUE(journal);
  auto second = PackJournal::open(folder / "j", "key");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::Machine);
  EXPECT_NE(second.error().message.find("another mm1c is writing"),
            std::string::npos);
}

} // namespace
