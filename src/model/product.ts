/** One article, a row of `products`. Money is whole won, times are ms since the epoch. */
export type Product = {
  productId: string; // P00000001: numbers are handed out by the database
  category: string; // one of CATEGORIES
  name: string;
  orgPrice: number; // list price
  price: number; // selling price
  discountRate: number; // fraction of the list price, 0 where it is not above the price
  description: string;
  brand: string;
  stock: number;
  rating: number;
  reviewCount: number;
  isBest: boolean;
  createdAtMs: number; // registration
  orderCount: number; // successful rows sold
};
