// RUN: mm1-opt %s --mm1-specialize-buckets='max-sequences=3 prefill-tokens=20' | FileCheck %s
// RUN: mm1-opt %s --mm1-specialize-buckets='max-sequences=8 decode-buckets=2,5 prefill-tokens=512 prefill-buckets=512' | FileCheck %s --check-prefix=ASKED
// RUN: not mm1-opt %s --mm1-specialize-buckets=decode-buckets=4,2 2>&1 | FileCheck %s --check-prefix=FALLING
// RUN: not mm1-opt %s --mm1-specialize-buckets='decode-buckets=few' 2>&1 | FileCheck %s --check-prefix=WORDS
// RUN: not mm1-opt %s --mm1-specialize-buckets='max-sequences=4 decode-buckets=8' 2>&1 | FileCheck %s --check-prefix=LARGE
// RUN: not mm1-opt %s --mm1-specialize-buckets=prefill-tokens=0 2>&1 | FileCheck %s --check-prefix=NONE

// Powers of two up to the most sequences, and of four up to the most tokens; types keep their `?`.
// CHECK: func.func @decode_1(%{{.*}}: tensor<?x8xf32>) {{.*}}attributes {mm1.entry = "decode", mm1.sequences = 1 : i64, mm1.tokens = 1 : i64}
// CHECK: func.func @decode_2({{.*}} mm1.sequences = 2 : i64, mm1.tokens = 2 : i64}
// CHECK: func.func @decode_3({{.*}} mm1.sequences = 3 : i64, mm1.tokens = 3 : i64}
// CHECK: func.func @prefill_16({{.*}} mm1.sequences = 3 : i64, mm1.tokens = 16 : i64}
// CHECK: func.func @prefill_20({{.*}} mm1.sequences = 3 : i64, mm1.tokens = 20 : i64}
// CHECK: func.func @head_1({{.*}} mm1.sequences = 1 : i64, mm1.tokens = 1 : i64}
// CHECK: func.func @head_2(
// CHECK: func.func @head_3(
// CHECK: func.func @head_20({{.*}} mm1.sequences = 3 : i64, mm1.tokens = 20 : i64}
// What has a bucket, and what is no entry, stay as they are.
// CHECK: func.func @decode_7({{.*}} mm1.tokens = 7 : i64}
// CHECK: func.func @helper(
// CHECK-NOT: func.func

// The largest is added where it was not asked for: some bucket must hold it.
// ASKED: func.func @decode_2(
// ASKED: func.func @decode_5(
// ASKED: func.func @decode_8(
// ASKED-NOT: func.func @prefill_16
// ASKED: func.func @prefill_512(

// FALLING: error: decode-buckets: expects rising numbers from 1 to 8, found '4,2'
// WORDS: error: decode-buckets: expects rising numbers from 1 to 8, found 'few'
// LARGE: error: decode-buckets: expects rising numbers from 1 to 4, found '8'
// NONE: error: expects prefill-tokens between 1 and 16777216, found 0

func.func @decode(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {mm1.entry = "decode"} {
  return %x : tensor<?x8xf32>
}
func.func @prefill(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {mm1.entry = "prefill"} {
  return %x : tensor<?x8xf32>
}
func.func @head(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {mm1.entry = "head"} {
  return %x : tensor<?x8xf32>
}
func.func @decode_7(%x: tensor<?x8xf32>) -> tensor<?x8xf32>
    attributes {mm1.entry = "decode", mm1.sequences = 7 : i64, mm1.tokens = 7 : i64} {
  return %x : tensor<?x8xf32>
}
func.func @helper(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}
