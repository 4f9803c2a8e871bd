//===- JsonTest.cpp - Limits, places and typed fields ---------------------===//
#include "runtime/Support/Json.h"

#include <gtest/gtest.h>

using namespace mm1;

static std::string problem(std::string_view text, JsonLimits limits = {}) {
  auto json = parseJson(text, "x.json", limits);
  return json ? "parsed" : json.error().message;
}

TEST(Json, parsesEveryKindOfValue) {
  auto json =
      parseJson(R"({"a": [1, -2, 2.5, true, null, "s\u00e9"], "b": {"c": {}}})",
                "x.json");
  ASSERT_TRUE(json) << json.error().message;
  EXPECT_EQ(json->dump(),
            "{\"a\":[1,-2,2.5,true,null,\"s\u00e9\"],\"b\":{\"c\":{}}}");
}

// The place is where the lexer stood: at most one byte past the culprit.
TEST(Json, syntaxErrorsSayWhere) {
  EXPECT_TRUE(problem("{\n  \"a\": 1,\n  \"b\" 2}")
                  .starts_with("x.json: line 3, column 8: is not JSON"))
      << problem("{\n  \"a\": 1,\n  \"b\" 2}");
  EXPECT_NE(problem(""), "parsed");
  EXPECT_NE(problem("{\"a\": 1"), "parsed");
  EXPECT_NE(problem("{} {}"), "parsed");
  EXPECT_NE(problem("{\"a\": NaN}"), "parsed");
  EXPECT_NE(problem("{\"a\": 1e999}"), "parsed");
  EXPECT_NE(problem("\"\xff\xfe\""), "parsed");
  EXPECT_EQ(problem("[\n").find('\n'), std::string::npos)
      << "a message is one line";
}

TEST(Json, refusesRepeatedKeys) {
  EXPECT_EQ(problem(R"({"a": 1, "b": {"a": 2, "a": 3}})"),
            "x.json: line 1, column 26: key \"a\" appears twice in one object");
}

TEST(Json, refusesDeepAndLongTexts) {
  EXPECT_EQ(problem(std::string(16, '[') + std::string(16, ']'),
                    {.maxBytes = 100, .maxDepth = 16}),
            "parsed");
  EXPECT_EQ(problem(std::string(17, '[') + std::string(17, ']'),
                    {.maxBytes = 100, .maxDepth = 16}),
            "x.json: line 1, column 17: is nested deeper than 16 levels");
  EXPECT_NE(problem(std::string(10'000'000, '[')), "parsed");
  EXPECT_EQ(problem("[1,2,3]", {.maxBytes = 6}),
            "x.json: is 7 bytes; expected at most 6");
}

class JsonFields : public testing::Test {
protected:
  JsonFields()
      : json(*parseJson(
            R"({"n": 3, "neg": -1, "big": 18446744073709551615, "f": 1.5, "t": true, "s": "x", "nil": null,
                            "list": [1, 2, 99], "mixed": [1, "a"], "inner": {"n": "three"}})",
            "c.json")),
        root(*JsonObject::root(json, "c.json")) {}
  nlohmann::json json;
  JsonObject root;
};

TEST_F(JsonFields, readsByType) {
  EXPECT_EQ(*root.integer("n", 0, 5), 3);
  EXPECT_EQ(*root.number("n", 0, 5), 3.0);
  EXPECT_EQ(*root.number("f", 0, 5), 1.5);
  EXPECT_TRUE(*root.boolean("t"));
  EXPECT_EQ(*root.string("s"), "x");
  EXPECT_EQ(*root.integerOr("nil", 7, 0, 9), 7) << "null is absent";
  EXPECT_EQ(*root.integers("list", 0, 99), (std::vector<int64_t>{1, 2, 99}));
  EXPECT_FALSE(root.has("nil"));
}

TEST_F(JsonFields, saysWhatWasWantedAndFound) {
  EXPECT_EQ(root.integer("neg", 0, 5).error().message,
            "c.json: 'neg' is -1; expected an integer from 0 to 5");
  EXPECT_EQ(root.integer("f", 0, 5).error().message,
            "c.json: 'f' is 1.5; expected an integer from 0 to 5");
  EXPECT_EQ(root.integer("big", 0, INT64_MAX).error().kind, ErrorKind::Input);
  EXPECT_EQ(root.integer("absent", 0, 5).error().message,
            "c.json: 'absent' is missing; expected an integer from 0 to 5");
  EXPECT_EQ(root.string("nil").error().message,
            "c.json: 'nil' is null; expected a string");
  EXPECT_EQ(root.integers("list", 0, 9).error().message,
            "c.json: 'list[2]' is 99; expected an integer from 0 to 9");
  EXPECT_EQ(root.strings("mixed").error().message,
            "c.json: 'mixed[0]' is 1; expected a string");
  EXPECT_EQ(root.object("inner")->integer("n", 0, 5).error().message,
            "c.json: 'inner.n' is \"three\"; expected an integer from 0 to 5");
  EXPECT_EQ(JsonObject::root(json["list"], "c.json").error().message,
            "c.json: is [1,2,99]; expected an object");
}

TEST(Json, namesStayOnOneLine) {
  EXPECT_EQ(inQuotes("a\nb\x1b\xff"), "'a?b?"
                                      "?'");
  EXPECT_EQ(inQuotes(std::string(1000, 'x')).size(), 160u + 5u);
}
