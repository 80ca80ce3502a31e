// SPDX-License-Identifier: MIT
// Everything of Song, Sohl-Dickstein, Kingma, Kumar, Ermon & Poole, "Score-based generative modeling through stochastic
// differential equations", 2021, on top of ddpm.hpp.
#pragma once

#include "ddpm.hpp"
#include "model/full_gaussian.hpp"
#include "model/jacobian.hpp"              // eq. 40
#include "objective/dequantization.hpp"    // the data of its likelihoods
#include "objective/probability_flow.hpp"  // eq. 13, 39
