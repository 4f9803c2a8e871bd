// RUN: mm1-opt %s --mm1-defer-norm --mm1-form-clusters=target=sm_90a --mm1-fuse-recurrence-sums=target=sm_90a | FileCheck %s

// The step, its norm's weight, the gate and the sums of squares are one kernel; the factor is in the next one's epilogue.
// CHECK-LABEL: func.func @decode_1
//       CHECK:   %[[C:.*]]:3 = mm1.cluster recurrence, row_reduction(
//       CHECK:     %[[O:.*]], %[[NEXT:.*]] = mm1.lightning_attention
//       CHECK:     %[[V:.*]] = mm1.scale_columns %[[O]]
//       CHECK:     %[[Y:.*]] = mm1.sigmoid_gate %[[V]]
//       CHECK:     %[[S:.*]] = mm1.sum_squares %[[O]]
//       CHECK:     mm1.yield %[[NEXT]], %[[Y]], %[[S]]
//       CHECK:   mm1.store_state %[[C]]#0
//       CHECK:   mm1.cluster matmul(%[[C]]#1, %{{.*}}, %[[C]]#2, %{{.*}})
//       CHECK:     mm1.linear
//       CHECK:     mm1.norm_rows
//       CHECK:     mm1.residual
//   CHECK-NOT:   mm1.cluster
mm1.state recurrent @lightning : tensor<?x4x16x16xf32>
func.func @decode_1(%qkv: tensor<?x192xbf16>, %slopes: tensor<4xf32>, %i: tensor<?xi32>, %n: tensor<64xbf16>,
                    %g: tensor<?x64xbf16>, %w: tensor<32x64xbf16>, %u: tensor<?x32xbf16>) -> tensor<?x32xbf16>
    attributes {mm1.entry = "decode", mm1.tokens = 1 : i64, mm1.sequences = 1 : i64} {
  %s = mm1.load_state @lightning : tensor<?x4x16x16xf32>
  %o, %s1 = mm1.lightning_attention %qkv, %slopes, %s batch(%i, %i, %i)
      : (tensor<?x192xbf16>, tensor<4xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xbf16>, tensor<?x4x16x16xf32>)
  mm1.store_state %s1, @lightning : tensor<?x4x16x16xf32>
  %m = mm1.rms_norm %o, %n eps = 1.0e-6 : (tensor<?x64xbf16>, tensor<64xbf16>) -> tensor<?x64xbf16>
  %y = mm1.sigmoid_gate %m, %g : tensor<?x64xbf16>
  %a = mm1.linear %y weights(%w) : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xbf16>
  %r = mm1.residual %u, %a alpha = 2.0 beta = 1.0 : tensor<?x32xbf16>
  return %r : tensor<?x32xbf16>
}
