// Quantiles of distributions, by GSL.
#include "CZeroth.h"

#include <gsl/gsl_cdf.h>

double zeroth_t_quantile(double p, double degrees) { return gsl_cdf_tdist_Pinv(p, degrees); }
