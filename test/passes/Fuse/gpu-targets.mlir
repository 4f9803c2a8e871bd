// The same passes for GPUs: swizzled tiles, and blocks that make so many columns.
// RUN: mm1-opt %s --mm1-tile-weights=target=sm_90a --mm1-form-clusters --mm1-schedule-clusters=target=sm_90a | FileCheck %s
// RUN: mm1-opt %s --mm1-tile-weights=target=sm_80 --mm1-form-clusters --mm1-schedule-clusters=target=sm_80 | FileCheck %s
// RUN: mm1-opt %s --mm1-form-clusters --mm1-schedule-clusters='target=sm_90a overrides=matmul.columns=80,matmul.warps=2,row_reduction.warps=3' \
// RUN:   | FileCheck %s --check-prefix=SET

// Matrices in swizzled tiles, int8 in fragment order.
// CHECK: mm1.weight @bf16 : tensor<192x64xbf16, #mm1.swizzled<rows = 64, order = natural>>
// CHECK-SAME: steps = [#mm1.swizzle<rows = 64, order = natural>]
mm1.weight @bf16 : tensor<192x64xbf16> = #mm1.recipe<sources = [#mm1.source<"a" : tensor<192x64xbf16>>], steps = []>
// CHECK: mm1.weight @i8 : tensor<192x64xi8, #mm1.swizzled<rows = 64, order = fragment>>
// CHECK-SAME: steps = [#mm1.quantize<int8_rows>, #mm1.swizzle<rows = 64, order = fragment>]
mm1.weight @i8 : tensor<192x64xi8> = #mm1.recipe<
    sources = [#mm1.source<"b" : tensor<192x64xbf16>>], steps = [#mm1.quantize<int8_rows>]>
// CHECK: mm1.weight @i8.scale : tensor<192xf32, #mm1.padded<multiple = 32>>
mm1.weight @i8.scale : tensor<192xf32> = #mm1.recipe<
    sources = [#mm1.source<"b" : tensor<192x64xbf16>>], steps = [#mm1.quantize_scales<int8_rows>]>
// Tiles would take eight times its bytes.
// CHECK: mm1.weight @router : tensor<8x64xf32, #mm1.padded<multiple = 32>>
mm1.weight @router : tensor<8x64xf32> = #mm1.recipe<sources = [#mm1.source<"c" : tensor<8x64xf32>>], steps = []>
// CHECK: mm1.weight @norm : tensor<64xbf16, #mm1.padded<multiple = 32>>
mm1.weight @norm : tensor<64xbf16> = #mm1.recipe<sources = [#mm1.source<"d" : tensor<64xbf16>>], steps = []>

// Few rows: enough blocks for all multiprocessors, as far as columns last.
// CHECK-LABEL: func.func @decode
//       CHECK:   mm1.cluster row_reduction{{.*}} schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens", warps = 8 : i64}
//       CHECK:   mm1.cluster matmul{{.*}} schedule {columns = 8 : i64, per = 1 : i64, rows = 8 : i64, tasks = 24 : i64, unit = "one", warps = 8 : i64}
//       CHECK:   mm1.cluster matmul{{.*}} schedule {columns = 8 : i64, per = 1 : i64, rows = 8 : i64, tasks = 24 : i64, unit = "one", warps = 8 : i64}
//       CHECK:   mm1.cluster matmul{{.*}} schedule {columns = 8 : i64, per = 1 : i64, rows = 8 : i64, tasks = 1 : i64, unit = "one", warps = 8 : i64}

//   SET-LABEL: func.func @decode
//         SET:   mm1.cluster row_reduction{{.*}} warps = 3 : i64}
//         SET:   mm1.cluster matmul{{.*}} schedule {columns = 80 : i64, per = 1 : i64, rows = 8 : i64, tasks = 3 : i64, unit = "one", warps = 2 : i64}
// A matrix of 8 rows has no more columns.
//         SET:   mm1.cluster matmul{{.*}} schedule {columns = 8 : i64, {{.*}} tasks = 1 : i64
func.func @decode(%x: tensor<?x64xbf16>) -> (tensor<?x192xbf16>, tensor<?x192xbf16>, tensor<?x8xf32>)
    attributes {mm1.entry = "decode", mm1.tokens = 1 : i64, mm1.sequences = 1 : i64} {
  %n = mm1.load_weight @norm : tensor<64xbf16>
  %u = mm1.rms_norm %x, %n eps = 1.0e-5 : (tensor<?x64xbf16>, tensor<64xbf16>) -> tensor<?x64xbf16>
  %a = mm1.load_weight @bf16 : tensor<192x64xbf16>
  %p = mm1.linear %u weights(%a) : (tensor<?x64xbf16>, tensor<192x64xbf16>) -> tensor<?x192xbf16>
  %b = mm1.load_weight @i8 : tensor<192x64xi8>
  %s = mm1.load_weight @i8.scale : tensor<192xf32>
  %q = mm1.linear %u weights(%b) scales(%s) : (tensor<?x64xbf16>, tensor<192x64xi8>, tensor<192xf32>) -> tensor<?x192xbf16>
  %c = mm1.load_weight @router : tensor<8x64xf32>
  %r = mm1.linear %u weights(%c) : (tensor<?x64xbf16>, tensor<8x64xf32>) -> tensor<?x8xf32>
  return %p, %q, %r : tensor<?x192xbf16>, tensor<?x192xbf16>, tensor<?x8xf32>
}
