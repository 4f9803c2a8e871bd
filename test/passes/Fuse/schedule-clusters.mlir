// RUN: mm1-opt %s --mm1-form-clusters --mm1-schedule-clusters | FileCheck %s
// RUN: mm1-opt %s --mm1-form-clusters --mm1-schedule-clusters='overrides=decode.matmul.panels=3,matmul.rows=5,row_reduction.per=7,matmul.block_depth=10000,matmul.block_panels=9' \
// RUN:   | FileCheck %s --check-prefix=SET
// RUN: mm1-opt %s --mm1-form-clusters --mm1-schedule-clusters='tuning=%S/Inputs/tuning.json overrides=prefill.attention.per=5' \
// RUN:   | FileCheck %s --check-prefix=FILE

// The sizes of the published model, layer 0. 9216 x 6144 bf16 for two experts' w1 and w3: a panel of 32 columns is
// 2 * 2 * 32 * 6144 * 2 = 1.5 MiB, more than a task should read, so each panel is a task: 9216 / 32 = 288.
// CHECK-LABEL: func.func @decode
//       CHECK:   mm1.cluster grouped_matmul{{.*}} schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 288 : i64, unit = "one"}
// 2048 x 1024 bf16: 64 panels of 64 KiB. One each has too many tasks, four leave half of 32 threads idle.
//       CHECK:   mm1.cluster matmul{{.*}} schedule {panels = 2 : i64, per = 1 : i64, rows = 12 : i64, tasks = 32 : i64, unit = "one"}
//       CHECK:   mm1.cluster row_reduction{{.*}} schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"}
// A router of 4 experts has one panel, and one task.
//       CHECK:   mm1.cluster matmul{{.*}} schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"}
//       CHECK:   mm1.cluster routing{{.*}} schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"}
//       CHECK:   mm1.cluster routing{{.*}} schedule {per = 1 : i64, tasks = 1 : i64, unit = "one"}

//   SET-LABEL: func.func @decode
//         SET:   mm1.cluster grouped_matmul{{.*}} schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 288 : i64, unit = "one"}
// 64 panels, 3 a task: 22 tasks.
//         SET:   mm1.cluster matmul{{.*}} schedule {panels = 3 : i64, per = 1 : i64, rows = 5 : i64, tasks = 22 : i64, unit = "one"}
//         SET:   mm1.cluster row_reduction{{.*}} schedule {per = 7 : i64, tasks = 1 : i64, unit = "tokens"}
// No more panels than there are.
//         SET:   mm1.cluster matmul{{.*}} schedule {panels = 1 : i64, per = 1 : i64, rows = 5 : i64, tasks = 1 : i64, unit = "one"}

// The file speaks of 9216x6144 in decode, and of every 2048x1024.
//  FILE-LABEL: func.func @decode
//        FILE:   mm1.cluster grouped_matmul{{.*}} schedule {panels = 4 : i64, per = 1 : i64, rows = 3 : i64, tasks = 72 : i64, unit = "one"}
//        FILE:   mm1.cluster matmul{{.*}} schedule {panels = 8 : i64, {{.*}} tasks = 8 : i64, unit = "one"}
//        FILE:   mm1.cluster row_reduction{{.*}} schedule {per = 1 : i64,
func.func @decode(
    %x: tensor<?x6144xbf16>, %chosen: tensor<?x2xi32>, %w1: tensor<32x9216x6144xbf16>,
    %w3: tensor<32x9216x6144xbf16>, %h: tensor<?x1024xbf16>, %wh: tensor<2048x1024xbf16>, %wn: tensor<1024xbf16>,
    %wr: tensor<4x1024xf32>)
    -> (tensor<?x2x9216xbf16>, tensor<?x2048xbf16>, tensor<?x1024xbf16>, tensor<?x2xf32>, tensor<?x2xi32>)
    attributes {mm1.entry = "decode", mm1.tokens = 1 : i64, mm1.sequences = 1 : i64} {
  %g, %u = mm1.expert_linear %x, %chosen weights(%w1, %w3)
      : (tensor<?x6144xbf16>, tensor<?x2xi32>, tensor<32x9216x6144xbf16>, tensor<32x9216x6144xbf16>)
        -> (tensor<?x2x9216xbf16>, tensor<?x2x9216xbf16>)
  %s = mm1.silu %g : tensor<?x2x9216xbf16>
  %m = mm1.mul %s, %u : tensor<?x2x9216xbf16>
  %y = mm1.linear %h weights(%wh) : (tensor<?x1024xbf16>, tensor<2048x1024xbf16>) -> tensor<?x2048xbf16>
  %n = mm1.rms_norm %h, %wn eps = 1.0e-5 : (tensor<?x1024xbf16>, tensor<1024xbf16>) -> tensor<?x1024xbf16>
  %logits = mm1.linear %h weights(%wr) : (tensor<?x1024xbf16>, tensor<4x1024xf32>) -> tensor<?x4xf32>
  %ids, %rw = mm1.router %logits : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %o, %f = mm1.group_tokens %ids : tensor<?x2xi32> -> tensor<?x2xi32>, tensor<5xi32>
  return %m, %y, %n, %rw, %o : tensor<?x2x9216xbf16>, tensor<?x2048xbf16>, tensor<?x1024xbf16>, tensor<?x2xf32>, tensor<?x2xi32>
}

// Many tokens. 2048 x 1024 bf16: up to 4 panels (512 KiB where a level widens them to f32) would stay in a core's cache, but
// 32 threads want a task each: P = 2. 512 rows of 2 KiB would not stay there, so they pass by both panels at once.
// CHECK-LABEL: func.func @prefill
//       CHECK:   mm1.cluster matmul{{.*}} schedule {block_panels = 2 : i64, panels = 2 : i64, per = 1 : i64, rows = 12 : i64, tasks = 32 : i64, unit = "one"}
// 64 KiB of rows: a row in and one out is 4 KiB, so 16.
//       CHECK:   mm1.cluster row_reduction{{.*}} schedule {per = 16 : i64, tasks = 1 : i64, unit = "tokens"}
// Tiny rows: not more than leaves eight tasks of 512 tokens.
//       CHECK:   mm1.cluster elementwise{{.*}} schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"}
//       CHECK:   mm1.cluster recurrence{{.*}} schedule {chunk = 64 : i64, per = 1 : i64, tasks = 4 : i64, unit = "sequences"}
//       CHECK:   mm1.cluster cache_append{{.*}} schedule {per = 1 : i64, tasks = 2 : i64, unit = "sequences"}
//       CHECK:   mm1.cluster attention{{.*}} schedule {grain = 1 : i64, per = 16 : i64, tasks = 2 : i64, unit = "tokens"}
//  FILE-LABEL: func.func @prefill
//        FILE:   mm1.cluster matmul{{.*}} schedule {block_panels = 2 : i64, panels = 8 : i64,
//        FILE:   mm1.cluster attention{{.*}} schedule {grain = 1 : i64, per = 5 : i64, tasks = 2 : i64, unit = "tokens"}
func.func @prefill(
    %h: tensor<?x1024xbf16>, %wh: tensor<2048x1024xbf16>, %wn: tensor<1024xbf16>, %e: tensor<?x4xbf16>,
    %qkv: tensor<?x192xbf16>, %slopes: tensor<4xf32>, %s0: tensor<?x4x16x16xf32>, %slots: tensor<?xi32>,
    %starts: tensor<?xi32>, %positions: tensor<?xi32>, %k: tensor<?x32xbf16>, %q: tensor<?x64xbf16>,
    %c0: tensor<?x2x2x64x16xbf16>, %pages: tensor<?x?xi32>)
    -> (tensor<?x2048xbf16>, tensor<?x1024xbf16>, tensor<?x4xbf16>, tensor<?x64xbf16>, tensor<?x4x16x16xf32>,
        tensor<?x2x2x64x16xbf16>, tensor<?x64xbf16>) attributes {mm1.entry = "prefill", mm1.tokens = 512 : i64, mm1.sequences = 8 : i64} {
  %y = mm1.linear %h weights(%wh) : (tensor<?x1024xbf16>, tensor<2048x1024xbf16>) -> tensor<?x2048xbf16>
  %n = mm1.rms_norm %h, %wn eps = 1.0e-5 : (tensor<?x1024xbf16>, tensor<1024xbf16>) -> tensor<?x1024xbf16>
  %z = mm1.silu %e : tensor<?x4xbf16>
  %o, %s1 = mm1.lightning_attention %qkv, %slopes, %s0 batch(%slots, %starts, %positions)
      : (tensor<?x192xbf16>, tensor<4xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>)
        -> (tensor<?x64xbf16>, tensor<?x4x16x16xf32>)
  %c1 = mm1.cache_append %k, %k, %c0 batch(%slots, %starts, %positions, %pages)
      : (tensor<?x32xbf16>, tensor<?x32xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
        -> tensor<?x2x2x64x16xbf16>
  %a = mm1.softmax_attention %q, %c1 batch(%slots, %starts, %positions, %pages) scale = 0.25
      : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16>
  return %y, %n, %z, %o, %s1, %c1, %a : tensor<?x2048xbf16>, tensor<?x1024xbf16>, tensor<?x4xbf16>, tensor<?x64xbf16>,
      tensor<?x4x16x16xf32>, tensor<?x2x2x64x16xbf16>, tensor<?x64xbf16>
}

// Rows of 12 KiB: a tile's twelve stay in a first cache only in six blocks of k. Between them the sums of 672 rows rest: two
// thirds of 1020, with three panels instead of two. 32 experts have 32 rows each, which would stay for a task's panels, but
// three panels of 12 KiB a row do not fit whole.
// CHECK-LABEL: func.func @long_rows
//       CHECK:   mm1.cluster matmul{{.*}} schedule {block_depth = 1024 : i64, block_panels = 3 : i64, block_rows = 672 : i64, panels = 3 : i64, per = 1 : i64, rows = 12 : i64, tasks = 96 : i64, unit = "one"}
//       CHECK:   mm1.cluster matmul{{.*}} schedule {block_depth = 512 : i64, block_panels = 2 : i64, block_rows = 1020 : i64, panels = 2 : i64, per = 1 : i64, rows = 12 : i64, tasks = 32 : i64, unit = "one"}
//       CHECK:   mm1.cluster grouped_matmul{{.*}} schedule {block_depth = 1024 : i64, block_panels = 3 : i64, block_rows = 672 : i64, panels = 3 : i64, per = 1 : i64, rows = 12 : i64, tasks = 96 : i64, unit = "one"}
// A person may set blocks too, within what there is.
//    SET-LABEL: func.func @long_rows
//          SET:   mm1.cluster matmul{{.*}} schedule {block_depth = 6144 : i64, block_panels = 3 : i64,
func.func @long_rows(%x: tensor<?x6144xbf16>, %w: tensor<9216x6144xbf16>, %z: tensor<?x1024xf32>,
    %wz: tensor<2048x1024xf32>, %ids: tensor<?x2xi32>, %we: tensor<32x9216x6144xbf16>)
    -> (tensor<?x9216xbf16>, tensor<?x2048xf32>, tensor<?x2x9216xbf16>)
    attributes {mm1.entry = "prefill", mm1.tokens = 512 : i64, mm1.sequences = 1 : i64} {
  %y = mm1.linear %x weights(%w) : (tensor<?x6144xbf16>, tensor<9216x6144xbf16>) -> tensor<?x9216xbf16>
  %u = mm1.linear %z weights(%wz) : (tensor<?x1024xf32>, tensor<2048x1024xf32>) -> tensor<?x2048xf32>
  %e = mm1.expert_linear %x, %ids weights(%we) : (tensor<?x6144xbf16>, tensor<?x2xi32>, tensor<32x9216x6144xbf16>) -> tensor<?x2x9216xbf16>
  return %y, %u, %e : tensor<?x9216xbf16>, tensor<?x2048xf32>, tensor<?x2x9216xbf16>
}

// The head computes few rows, whatever the step was.
// CHECK-LABEL: func.func @head
//       CHECK:   mm1.cluster row_reduction{{.*}} schedule {per = 1 : i64,
func.func @head(%h: tensor<?x1024xbf16>, %wn: tensor<1024xbf16>) -> tensor<?x1024xbf16> attributes {mm1.entry = "head", mm1.tokens = 1 : i64, mm1.sequences = 1 : i64} {
  %n = mm1.rms_norm %h, %wn eps = 1.0e-5 : (tensor<?x1024xbf16>, tensor<1024xbf16>) -> tensor<?x1024xbf16>
  return %n : tensor<?x1024xbf16>
}

// A panel of these experts is 32 KiB, of the two that a token meets 64 KiB: at most four to a task of 256 KiB.
// CHECK-LABEL: func.func @experts
//       CHECK:   mm1.cluster grouped_matmul{{.*}} schedule {panels = 4 : i64, per = 1 : i64, rows = 12 : i64, tasks = 128 : i64, unit = "one"}
func.func @experts(%x: tensor<?x512xbf16>, %ids: tensor<?x2xi32>, %w: tensor<8x16384x512xbf16>)
    -> tensor<?x2x16384xbf16> attributes {mm1.entry = "decode", mm1.tokens = 1 : i64, mm1.sequences = 1 : i64} {
  %y = mm1.expert_linear %x, %ids weights(%w)
      : (tensor<?x512xbf16>, tensor<?x2xi32>, tensor<8x16384x512xbf16>) -> tensor<?x2x16384xbf16>
  return %y : tensor<?x2x16384xbf16>
}
