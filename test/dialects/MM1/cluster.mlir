// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @anchored
//       CHECK:   mm1.cluster matmul(%{{.*}}, %{{.*}}) : (tensor<?x64xbf16>, tensor<192x64xbf16>) -> tensor<?x192xbf16> {
//  CHECK-NEXT:   ^bb0(%[[X:.*]]: tensor<?x64xbf16>, %[[W:.*]]: tensor<192x64xbf16>):
//  CHECK-NEXT:     %[[P:.*]] = mm1.linear %[[X]] weights(%[[W]])
//  CHECK-NEXT:     %[[Y:.*]] = mm1.silu %[[P]]
//  CHECK-NEXT:     mm1.yield %[[Y]] : tensor<?x192xbf16>
func.func @anchored(%u: tensor<?x64xbf16>, %w: tensor<192x64xbf16>) -> tensor<?x192xbf16> {
  %y = mm1.cluster matmul (%u, %w) : (tensor<?x64xbf16>, tensor<192x64xbf16>) -> tensor<?x192xbf16> {
  ^bb0(%x: tensor<?x64xbf16>, %m: tensor<192x64xbf16>):
    %0 = mm1.linear %x weights(%m) : (tensor<?x64xbf16>, tensor<192x64xbf16>) -> tensor<?x192xbf16>
    %1 = mm1.silu %0 : tensor<?x192xbf16>
    mm1.yield %1 : tensor<?x192xbf16>
  }
  return %y : tensor<?x192xbf16>
}

// CHECK-LABEL: func.func @scheduled
//       CHECK:   mm1.cluster elementwise(%{{.*}}) schedule {per = 4 : i64, tasks = 1 : i64, unit = "tokens"} :
func.func @scheduled(%u: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %y = mm1.cluster elementwise (%u) schedule {per = 4 : i64, tasks = 1 : i64, unit = "tokens"}
      : (tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  ^bb0(%x: tensor<?x64xbf16>):
    %1 = mm1.silu %x : tensor<?x64xbf16>
    mm1.yield %1 : tensor<?x64xbf16>
  }
  return %y : tensor<?x64xbf16>
}

// Nothing comes in and nothing goes out: the yield need not be written.
// CHECK-LABEL: func.func @empty
//       CHECK:   mm1.cluster elementwise() : () -> () {
//  CHECK-NEXT:   }
func.func @empty() {
  mm1.cluster elementwise () : () -> () {
    mm1.yield
  }
  return
}
