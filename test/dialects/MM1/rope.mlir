// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @rope
//       CHECK:   mm1.rope %{{.*}}, %{{.*}}, %{{.*}} head_dim = 16 : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xbf16>
func.func @rope(%q: tensor<?x64xbf16>, %cos: tensor<?x4xf32>, %sin: tensor<?x4xf32>) -> tensor<?x64xbf16> {
  %y = mm1.rope %q, %cos, %sin head_dim = 16
      : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}

// All channels of a head rotate: 2R = head_dim.
// CHECK-LABEL: func.func @whole_head
//       CHECK:   mm1.rope %{{.*}} head_dim = 8
func.func @whole_head(%q: tensor<?x64xf32>, %cos: tensor<?x4xf32>, %sin: tensor<?x4xf32>) -> tensor<?x64xf32> {
  %y = mm1.rope %q, %cos, %sin head_dim = 8
      : (tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @each_its_type
//       CHECK:   mm1.rope {{.*}} : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xf32>
func.func @each_its_type(%q: tensor<?x64xbf16>, %cos: tensor<?x4xf32>, %sin: tensor<?x4xf32>) -> tensor<?x64xf32> {
  %y = mm1.rope %q, %cos, %sin head_dim = 16 : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
