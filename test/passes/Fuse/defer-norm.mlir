// RUN: mm1-opt %s --mm1-defer-norm | FileCheck %s
// RUN: mm1-opt %s --mm1-defer-norm=columns=8 | FileCheck %s --check-prefix=EIGHT

// Heads make the row in parts; all that reads the norm up to the residual is linear in rows.
// CHECK-LABEL: func.func @lightning
//       CHECK:   %[[O:.*]], %{{.*}} = mm1.lightning_attention
// Four heads of 16 columns: a sum of squares for each.
//       CHECK:   %[[S:.*]] = mm1.sum_squares %[[O]] : tensor<?x64xf32> -> tensor<?x4xf32>
//       CHECK:   %[[V:.*]] = mm1.scale_columns %[[O]], %{{.*}}
//       CHECK:   %[[Y:.*]] = mm1.sigmoid_gate %[[V]], %{{.*}}
//       CHECK:   %[[B:.*]] = mm1.linear %[[Y]] weights
//       CHECK:   %[[A:.*]] = mm1.norm_rows %[[B]], %[[S]] width = 64 eps = 9.9999999999999995E-7 : (tensor<?x32xf32>, tensor<?x4xf32>) -> tensor<?x32xf32>
//       CHECK:   mm1.residual %{{.*}}, %[[A]]
//   CHECK-NOT:   mm1.rms_norm
// EIGHT: mm1.sum_squares %{{.*}} -> tensor<?x8xf32>
func.func @lightning(%qkv: tensor<?x192xf32>, %slopes: tensor<4xf32>, %s: tensor<?x4x16x16xf32>, %i: tensor<?xi32>,
                     %n: tensor<64xf32>, %g: tensor<?x64xf32>, %w: tensor<32x64xf32>, %u: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %o, %s1 = mm1.lightning_attention %qkv, %slopes, %s batch(%i, %i, %i)
      : (tensor<?x192xf32>, tensor<4xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xf32>, tensor<?x4x16x16xf32>)
  %m = mm1.rms_norm %o, %n eps = 1.0e-6 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %y = mm1.sigmoid_gate %m, %g : tensor<?x64xf32>
  %a = mm1.linear %y weights(%w) : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
  %r = mm1.residual %u, %a alpha = 2.0 beta = 1.0 : tensor<?x32xf32>
  return %r : tensor<?x32xf32>
}

// A row that is made whole, a norm that the residual reads too, and one that no matrix follows: left alone.
// CHECK-LABEL: func.func @made_whole
//       CHECK:   mm1.rms_norm
func.func @made_whole(%x: tensor<?x64xf32>, %n: tensor<64xf32>, %w: tensor<32x64xf32>) -> tensor<?x32xf32> {
  %z = mm1.silu %x : tensor<?x64xf32>
  %m = mm1.rms_norm %z, %n eps = 1.0e-6 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %a = mm1.linear %m weights(%w) : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
  return %a : tensor<?x32xf32>
}
// CHECK-LABEL: func.func @another_reader
//       CHECK:   mm1.rms_norm
func.func @another_reader(%q: tensor<?x64xf32>, %c: tensor<?x2x2x64x16xf32>, %v: tensor<?xi32>, %p: tensor<?x?xi32>,
                          %n: tensor<64xf32>, %w: tensor<64x64xf32>) -> tensor<?x64xf32> {
  %o = mm1.softmax_attention %q, %c batch(%v, %v, %v, %p) scale = 1.0
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xf32>
  %m = mm1.rms_norm %o, %n eps = 1.0e-6 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %a = mm1.linear %m weights(%w) : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %r = mm1.residual %m, %a alpha = 2.0 beta = 1.0 : tensor<?x64xf32>
  return %r : tensor<?x64xf32>
}
// CHECK-LABEL: func.func @no_matrix
//       CHECK:   mm1.rms_norm
func.func @no_matrix(%q: tensor<?x64xf32>, %c: tensor<?x2x2x64x16xf32>, %v: tensor<?xi32>, %p: tensor<?x?xi32>,
                     %n: tensor<64xf32>, %g: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %o = mm1.softmax_attention %q, %c batch(%v, %v, %v, %p) scale = 1.0
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xf32>
  %m = mm1.rms_norm %o, %n eps = 1.0e-6 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %y = mm1.sigmoid_gate %m, %g : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
