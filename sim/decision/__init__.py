"""A decision over years: futures drawn, plans simulated in each, money by month, and the verdict."""
