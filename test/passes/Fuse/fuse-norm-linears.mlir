// RUN: mm1-opt %s --mm1-form-clusters=target=sm_90a --mm1-fuse-norm-linears=target=sm_90a --split-input-file | FileCheck %s
// RUN: mm1-opt %s --mm1-form-clusters --mm1-fuse-norm-linears='target=cpu explain' --split-input-file 2>&1 | FileCheck %s --check-prefix=CPU
// RUN: mm1-opt %s --mm1-form-clusters=target=sm_90a --mm1-fuse-norm-linears='target=sm_90a explain' --split-input-file 2>&1 \
// RUN:   | FileCheck %s --check-prefix=WHY

// Every block makes the norm again; the first stores it for the residual.
// CHECK-LABEL: func.func @decode_1
//       CHECK:   %[[C:.*]]:2 = mm1.cluster row_reduction, matmul(%{{.*}}, %{{.*}}, %{{.*}}) :
//       CHECK:     %[[U:.*]] = mm1.rms_norm
//       CHECK:     %[[P:.*]] = mm1.linear %[[U]]
//       CHECK:     %[[Y:.*]] = mm1.silu %[[P]]
//       CHECK:     mm1.yield %[[U]], %[[Y]]
//       CHECK:   mm1.cluster matmul(%[[C]]#1, %{{.*}}, %[[C]]#0)
//       CHECK:     mm1.residual
//   CHECK-NOT:   mm1.cluster
//         CPU: remark: norm-linears: {rms_norm} into {linear, silu}: declined, {{[0-9.]+}} us become
//   CPU-LABEL: func.func @decode_1
//         CPU:   mm1.cluster row_reduction(
//         CPU:   mm1.cluster matmul(
//         CPU:   mm1.cluster matmul(
//         WHY: remark: norm-linears: {rms_norm} into {linear, silu}: taken, {{[0-9.]+}} us become {{[0-9.]+}} us: a launch less of 1.2 us
func.func @decode_1(%x: tensor<?x6144xbf16>, %n: tensor<6144xbf16>, %w: tensor<24576x6144xbf16>, %v: tensor<6144x24576xbf16>) -> tensor<?x6144xbf16>
    attributes {mm1.entry = "decode", mm1.tokens = 1 : i64, mm1.sequences = 1 : i64} {
  %u = mm1.rms_norm %x, %n eps = 1.0e-5 : (tensor<?x6144xbf16>, tensor<6144xbf16>) -> tensor<?x6144xbf16>
  %p = mm1.linear %u weights(%w) : (tensor<?x6144xbf16>, tensor<24576x6144xbf16>) -> tensor<?x24576xbf16>
  %y = mm1.silu %p : tensor<?x24576xbf16>
  %a = mm1.linear %y weights(%v) : (tensor<?x24576xbf16>, tensor<6144x24576xbf16>) -> tensor<?x6144xbf16>
  %r = mm1.residual %u, %a alpha = 2.0 beta = 1.0 : tensor<?x6144xbf16>
  return %r : tensor<?x6144xbf16>
}

// -----

// More rows than a block holds.
// CHECK-LABEL: func.func @prefill_64
//       CHECK:   mm1.cluster row_reduction(
//       CHECK:   mm1.cluster matmul(
//         WHY: remark: norm-linears: {rms_norm} into {linear}: declined,
func.func @prefill_64(%x: tensor<?x64xbf16>, %n: tensor<64xbf16>, %w: tensor<192x64xbf16>) -> tensor<?x192xbf16>
    attributes {mm1.entry = "prefill", mm1.tokens = 64 : i64, mm1.sequences = 1 : i64} {
  %u = mm1.rms_norm %x, %n eps = 1.0e-5 : (tensor<?x64xbf16>, tensor<64xbf16>) -> tensor<?x64xbf16>
  %p = mm1.linear %u weights(%w) : (tensor<?x64xbf16>, tensor<192x64xbf16>) -> tensor<?x192xbf16>
  return %p : tensor<?x192xbf16>
}

// -----

// Somebody reads the norm before the linear would have stored it.
// CHECK-LABEL: func.func @read_before
//       CHECK:   mm1.cluster row_reduction(
//       CHECK:   mm1.cluster elementwise(
//       CHECK:   mm1.cluster matmul(
func.func @read_before(%x: tensor<?x64xbf16>, %n: tensor<64xbf16>, %w: tensor<192x64xbf16>, %cos: tensor<?x4xf32>)
    -> (tensor<?x64xbf16>, tensor<?x192xbf16>) {
  %u = mm1.rms_norm %x, %n eps = 1.0e-5 : (tensor<?x64xbf16>, tensor<64xbf16>) -> tensor<?x64xbf16>
  %r = mm1.rope %u, %cos, %cos head_dim = 16 : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xbf16>
  %p = mm1.linear %u weights(%w) : (tensor<?x64xbf16>, tensor<192x64xbf16>) -> tensor<?x192xbf16>
  return %r, %p : tensor<?x64xbf16>, tensor<?x192xbf16>
}
