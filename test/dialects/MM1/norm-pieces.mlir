// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s

// What rms_norm does, in the pieces that can be moved apart.
// CHECK-LABEL: func.func @pieces
//       CHECK:   %[[S:.*]] = mm1.sum_squares %{{.*}} : tensor<?x128xbf16> -> tensor<?x4xf32>
//       CHECK:   %[[X:.*]] = mm1.scale_columns %{{.*}}, %{{.*}} : (tensor<?x128xbf16>, tensor<128xbf16>) -> tensor<?x128xf32>
//       CHECK:   mm1.norm_rows %[[X]], %[[S]] width = 128 eps = 9.9999999999999995E-7 : (tensor<?x128xf32>, tensor<?x4xf32>) -> tensor<?x128xbf16>
func.func @pieces(%o: tensor<?x128xbf16>, %w: tensor<128xbf16>) -> tensor<?x128xbf16> {
  %s = mm1.sum_squares %o : tensor<?x128xbf16> -> tensor<?x4xf32>
  %x = mm1.scale_columns %o, %w : (tensor<?x128xbf16>, tensor<128xbf16>) -> tensor<?x128xf32>
  %y = mm1.norm_rows %x, %s width = 128 eps = 1.0e-6 : (tensor<?x128xf32>, tensor<?x4xf32>) -> tensor<?x128xbf16>
  return %y : tensor<?x128xbf16>
}
