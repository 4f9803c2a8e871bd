// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @one
//       CHECK:   mm1.linear %{{.*}} weights(%{{.*}}) : (tensor<?x64xbf16>, tensor<192x64xbf16>) -> tensor<?x192xf32>
func.func @one(%x: tensor<?x64xbf16>, %w: tensor<192x64xbf16>) -> tensor<?x192xf32> {
  %y = mm1.linear %x weights(%w) : (tensor<?x64xbf16>, tensor<192x64xbf16>) -> tensor<?x192xf32>
  return %y : tensor<?x192xf32>
}

// CHECK-LABEL: func.func @two
//       CHECK:   %[[Y:.*]]:2 = mm1.linear %{{.*}} weights(%{{.*}}, %{{.*}}) : (
//       CHECK:   return %[[Y]]#0, %[[Y]]#1
func.func @two(%x: tensor<?x64xbf16>, %k: tensor<32x64xbf16>, %v: tensor<32x64xbf16>)
    -> (tensor<?x32xbf16>, tensor<?x32xbf16>) {
  %y, %z = mm1.linear %x weights(%k, %v)
      : (tensor<?x64xbf16>, tensor<32x64xbf16>, tensor<32x64xbf16>) -> (tensor<?x32xbf16>, tensor<?x32xbf16>)
  return %y, %z : tensor<?x32xbf16>, tensor<?x32xbf16>
}

// CHECK-LABEL: func.func @int8
//       CHECK:   mm1.linear %{{.*}} weights(%{{.*}}) scales(%{{.*}}) : (tensor<?x64xbf16>, tensor<96x64xi8>, tensor<96xf32>)
func.func @int8(%x: tensor<?x64xbf16>, %w: tensor<96x64xi8>, %s: tensor<96xf32>) -> tensor<?x96xbf16> {
  %y = mm1.linear %x weights(%w) scales(%s) : (tensor<?x64xbf16>, tensor<96x64xi8>, tensor<96xf32>) -> tensor<?x96xbf16>
  return %y : tensor<?x96xbf16>
}

// A layout on the weight changes nothing else.
// CHECK-LABEL: func.func @tiled
//       CHECK:   mm1.linear %{{.*}} weights(%{{.*}}) : (tensor<?x64xbf16>, tensor<96x64xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x96xbf16>
func.func @tiled(%x: tensor<?x64xbf16>, %w: tensor<96x64xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x96xbf16> {
  %y = mm1.linear %x weights(%w)
      : (tensor<?x64xbf16>, tensor<96x64xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x96xbf16>
  return %y : tensor<?x96xbf16>
}
