//===- PythonJsonTest.cpp - JSON as Python prints it ---------------------===//
// The expected texts are what CPython's json.dumps(x, ensure_ascii=False) gives.
//===----------------------------------------------------------------------===//
#include "runtime/Text/PythonJson.h"
#include "runtime/Support/Json.h"

#include <gtest/gtest.h>

using namespace mm1;

static std::string again(std::string_view text) {
  auto parsed = parseOrderedJson(text, "t");
  return parsed ? pythonJson(*parsed) : parsed.error().message;
}

TEST(PythonJson, separatorsAndOrder) {
  EXPECT_EQ(again(R"({"b":[1,2,{}],"a":{"y":null,"x":true},"c":[]})"),
            R"({"b": [1, 2, {}], "a": {"y": null, "x": true}, "c": []})");
}

TEST(PythonJson, strings) {
  EXPECT_EQ(
      again(R"(["\u0001\b\f\n\r\t\"\\\/\u007f","Malm\u00f6 \ud83d\ude00"])"),
      "[\"\\u0001\\b\\f\\n\\r\\t\\\"\\\\/\x7f\", \"Malmö 😀\"]");
}

TEST(PythonJson, numbers) {
  EXPECT_EQ(again("[0, -0, -7, 9223372036854775807, 18446744073709551615]"),
            "[0, 0, -7, 9223372036854775807, 18446744073709551615]");
  EXPECT_EQ(again("[1.0, -0.0, 0.1, 1e3, 2.50, 100.0]"),
            "[1.0, -0.0, 0.1, 1000.0, 2.5, 100.0]");
  EXPECT_EQ(
      again("[1e15, 1e16, 123456789012345680.0, 0.0001, 0.00001, 1.5e-7]"),
      "[1000000000000000.0, 1e+16, 1.2345678901234568e+17, 0.0001, "
      "1e-05, 1.5e-07]");
  EXPECT_EQ(
      again("[1e22, 5e-324, 1.7976931348623157e308, 0.30000000000000004]"),
      "[1e+22, 5e-324, 1.7976931348623157e+308, 0.30000000000000004]");
  EXPECT_EQ(again("[1, 18446744073709551616]"),
            "t: line 1, column 25: integer 18446744073709551616 has more than "
            "64 bits");
}
